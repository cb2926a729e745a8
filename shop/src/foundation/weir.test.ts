import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { createLogger } from "./logger.ts";
import { openWeir } from "./weir.ts";

const logger = createLogger("test", "silent");

test("events that wait are sent before the client is closed", async (t) => {
  const types: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const text = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
    const events = JSON.parse(text.toString()) as { event_id: string; event_type: string }[];
    types.push(...events.map(({ event_type }) => event_type));
    const results = events.map(({ event_id }) => ({ event_id, verdict: "accepted" }));
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ results }));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const weir = openWeir({ url, key: "key-1", logger });
  weir.track({ event_type: "product.created", user_id: "system" });
  await weir[Symbol.asyncDispose]();
  assert.deepEqual(types, ["product.created"]);
});

test("without Weir, and with one that is down, tracking neither throws nor waits", async () => {
  const none = openWeir({ url: undefined, key: undefined, logger });
  none.track({ event_type: "product.created" });
  await none[Symbol.asyncDispose]();
  const down = openWeir({ url: "http://127.0.0.1:1", key: "key-1", logger, flushMs: 20 });
  for (let count = 0; count < 20_000; count += 1) down.track({ event_type: "product.created" });
  await down[Symbol.asyncDispose]();
});
