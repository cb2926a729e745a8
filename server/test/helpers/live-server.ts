/** For the gateway's tests: a gateway on a real HTTP server and database, and readers of its feed. */
import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { liveFeed, type RawEvent, type ServerFrame, serverFrames } from "@weir/protocol";
import { Ajv2020 } from "ajv/dist/2020.js";
import { WebSocket } from "ws";
import type { TestDatabase } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { problemText } from "../../src/adapters/http/broken-connection.ts";
import { asWeirError } from "../../src/adapters/http/problems.ts";
import { openNotifications } from "../../src/adapters/postgres/notifications.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { attach, encodeFrame } from "../../src/adapters/websocket/attach.ts";
import type { Principal } from "../../src/core/access/principal.ts";
import { WeirError } from "../../src/core/errors.ts";
import { createGateway, type Gateway } from "../../src/parts/gateway/gateway.ts";
import type { GatewayOptions } from "../../src/parts/gateway/ports.ts";
import { createLiveLog } from "../../src/parts/log/live-log.ts";

export interface LiveServer {
  readonly url: string;
  readonly gateway: Gateway;
  readonly server: Server;
  /** What `authorise` throws for a key; absent: the key is fine. */
  readonly refusals: Map<string, WeirError>;
  /** Statements that the gateway has sent. */
  reads(): number;
  /** Stops the part; resolves when it has ended. */
  stop(): Promise<void>;
}

export async function startLiveServer(
  t: TestContext,
  database: TestDatabase,
  options: Partial<GatewayOptions> = {},
): Promise<LiveServer> {
  const pool = openPool({
    url: database.urls.app,
    applicationName: "gateway test",
    max: 4,
    settings: { enable_seqscan: "off" },
  });
  const notifications = openNotifications({
    url: database.urls.app,
    applicationName: "gateway test listener",
  });
  const refusals = new Map<string, WeirError>();
  let reads = 0;
  const gateway = createGateway({
    log: createLiveLog({
      query: (statement, wanted) => {
        reads++;
        return pool.query(statement, wanted);
      },
    }),
    notifications,
    encodeFrame,
    allowedOrigins: ["https://allowed.example"],
    authorise: async ({ headers }) => {
      const session = headers.cookie !== undefined;
      const key = session ? "session" : headers["x-api-key"];
      if (typeof key !== "string") throw new WeirError("unauthenticated");
      const refusal = refusals.get(key);
      if (refusal !== undefined) throw refusal;
      return principalOf(key, session ? "session" : "key");
    },
    ...options,
  });
  const server = createServer(
    { shouldUpgradeCallback: ({ headers }) => headers.upgrade === "websocket" },
    (_, response) => response.end("plain"),
  );
  const detach = attach(server, {
    path: liveFeed.path,
    accept: (request) => gateway.accept(request),
    refuse: (socket, error) =>
      void socket.end(problemText(asWeirError(error ?? new WeirError("not_found")))),
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stopping = new AbortController();
  const running = gateway.part.run(stopping.signal);
  t.after(async () => {
    stopping.abort();
    await running;
    detach();
    server.closeAllConnections();
    server.close();
    await notifications.close();
    await pool.close();
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}${liveFeed.path}`,
    gateway,
    server,
    refusals,
    reads: () => reads,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

function principalOf(key: string, via: "key" | "session"): Principal {
  return {
    serviceId: 1,
    service: "tester",
    role: "reader",
    keyId: key,
    via,
    may: (permission) => permission === "live.get.event_feed" && key !== "powerless",
  };
}

export interface Reader {
  readonly frames: ServerFrame[];
  readonly events: RawEvent[];
  readonly socket: WebSocket;
  /** The last cursor of any frame. */
  cursor(): string;
  /** Close code and the reason of `bye`, when it is closed. */
  readonly end: { code?: number; bye?: string };
  close(): Promise<void>;
}

/** Every frame that a test sees is one that the protocol describes. */
const isFrame = new Ajv2020({ allowUnionTypes: true, validateFormats: false }).compile({
  anyOf: Object.values(serverFrames),
});

/** Opens a feed and waits for `hello`. */
export async function openReader(
  t: TestContext,
  live: LiveServer,
  options: { readonly query?: string; readonly key?: string; readonly waitForHello?: boolean } = {},
): Promise<Reader> {
  const address = `${live.url}${options.query === undefined ? "" : `?${options.query}`}`;
  const socket = new WebSocket(address, { headers: { "x-api-key": options.key ?? "key-1" } });
  const frames: ServerFrame[] = [];
  const events: RawEvent[] = [];
  const end: { code?: number; bye?: string } = {};
  let cursor = "";
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as ServerFrame;
    if (!isFrame(frame)) throw new Error(`no frame of the protocol: ${String(data)}`);
    frames.push(frame);
    if (frame.type === "event") events.push(frame.event);
    if (frame.type === "bye") end.bye = frame.code;
    else if (frame.type !== "subscribed") cursor = frame.cursor;
  });
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) =>
    socket.on("close", (code) => {
      end.code = code;
      resolve();
    }),
  );
  t.after(() => socket.terminate());
  if (options.waitForHello !== false) {
    await until(() => frames.some(({ type }) => type === "hello"), { what: "hello", everyMs: 2 });
  }
  return {
    frames,
    events,
    socket,
    end,
    cursor: () => cursor,
    close: () => {
      socket.close();
      return closed;
    },
  };
}

/** The HTTP status and body of an upgrade that is refused. */
export function refusedUpgrade(
  live: LiveServer,
  options: { readonly query?: string; readonly headers?: Record<string, string> },
): Promise<{ status: number; body: Record<string, unknown> }> {
  const socket = new WebSocket(`${live.url}?${options.query ?? ""}`, {
    headers: options.headers ?? { "x-api-key": "key-1" },
  });
  return new Promise((resolve, reject) => {
    socket.on("open", () => {
      socket.terminate();
      reject(new Error("the upgrade was accepted"));
    });
    socket.on("error", reject);
    socket.on("unexpected-response", (_, response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += String(chunk);
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }),
      );
    });
  });
}

export interface NewEvent {
  readonly id?: string;
  readonly type?: string;
  readonly user?: string;
  readonly product?: string;
  readonly payload?: string;
  readonly service?: number;
}

/** The statement that writes events as ingest does. */
export function insertStatement(events: readonly NewEvent[]) {
  return {
    text: `insert into raw.events
        (service_id, format, event_id, occurred_at, user_key, product_key, event_type, payload)
      select service, 0, id, now(), who, product, type, payload
      from unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
        as e (service, id, who, product, type, payload)`,
    values: [
      events.map(({ service }) => service ?? 1),
      events.map(({ id }) => id ?? randomUUID()),
      events.map(({ user }) => user ?? null),
      events.map(({ product }) => product ?? null),
      events.map(({ type }) => type ?? "product.view"),
      events.map(({ payload }) => payload ?? "{}"),
    ],
  };
}

export async function append(database: TestDatabase, events: readonly NewEvent[]): Promise<void> {
  await database.owner.query(insertStatement(events));
  await database.owner.query({ text: "notify weir_raw" });
}

export async function prepareLog(database: TestDatabase): Promise<void> {
  await database.owner.query({
    text: "select raw.ensure_partition((now() at time zone 'UTC')::date + d) from generate_series(0, 1) d",
  });
  await database.owner.query({
    text: "insert into auth.services (name, role) values ('shop-web', 'producer'), ('shop-pos', 'producer')",
  });
}
