import { readCredentials } from "../adapters/http/credentials.ts";
import { encodeFrame } from "../adapters/websocket/attach.ts";
import { WeirError } from "../core/errors.ts";
import type { Notifications } from "../core/ports/database.ts";
import type { Directory } from "../parts/auth/directory.ts";
import { createGateway, type Gateway } from "../parts/gateway/gateway.ts";
import { observeGateway } from "../parts/gateway/metrics.ts";
import type { UpgradeRequest } from "../parts/gateway/ports.ts";
import { createLiveLog } from "../parts/log/live-log.ts";
import { openConnections } from "../process/databases.ts";
import type { ComposeOptions } from "./options.ts";

/** The live feed over WebSocket. */
export function composeLiveFeed(
  options: ComposeOptions,
  shared: { readonly directory: Directory; readonly notifications: Notifications },
): Gateway {
  const { directory, notifications } = shared;
  const { http, live } = options.config();
  const database = openConnections(options).pool({
    url: options.urls.app,
    applicationName: "weir gateway",
    // three replays and the feed itself may read at the same time
    max: 4,
    settings: { enable_seqscan: "off" },
  });
  const gateway = createGateway({
    log: createLiveLog(database),
    notifications,
    authorise: (request) => authorise(directory, request),
    onDirectoryChange: (wake) => directory.onChange(wake),
    encodeFrame,
    allowedOrigins: http.cors_origins,
    limits: { sockets: live.max_sockets, socketsPerKey: live.max_sockets_per_key },
  });
  observeGateway(options.metrics, gateway.stats);
  return gateway;
}

/** A live feed is opened with the credentials of any other request: a key or a session. */
async function authorise(directory: Directory, { headers }: UpgradeRequest) {
  const { key, sessionToken } = readCredentials(headers);
  if (key !== undefined) return directory.authenticate(key);
  const session = sessionToken === undefined ? undefined : await directory.session(sessionToken);
  if (session === undefined) {
    throw new WeirError("unauthenticated", { detail: "send an API key in X-API-Key, or sign in" });
  }
  return session.principal;
}
