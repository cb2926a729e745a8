import type { Notifications } from "../core/ports/database.ts";
import { keyEnvironment } from "../parts/auth/administration.ts";
import { Directory } from "../parts/auth/directory.ts";
import { openConnections } from "../process/databases.ts";
import type { ComposeOptions } from "./options.ts";

/** Services and their keys, for a process that authenticates senders. */
export function openDirectory(
  { config, urls, logger, stack, outage }: ComposeOptions,
  shared: { readonly notifications: Notifications; readonly now: () => number },
): Directory {
  return new Directory({
    // with connections of its own, so that slow queries do not delay a revocation
    database: openConnections({ stack, logger, outage }).pool({
      url: urls.app,
      applicationName: "weir directory",
      max: 2,
      statementTimeoutMs: 5_000,
    }),
    ...shared,
    env: keyEnvironment(config().env),
  });
}
