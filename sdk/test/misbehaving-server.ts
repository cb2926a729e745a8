/** For tests: a Weir-like HTTP server that answers as the test configures it, and records what it was sent. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { gunzipSync } from "node:zlib";

export interface SeenRequest {
  readonly at: number;
  readonly headers: IncomingMessage["headers"];
  readonly path: string;
  readonly events: readonly { readonly event_id: string; readonly [name: string]: unknown }[];
  readonly bodyBytes: number;
}

export type Behaviour = (request: SeenRequest, response: ServerResponse, nth: number) => void;

export interface MisbehavingServer {
  readonly url: string;
  readonly requests: SeenRequest[];
  /** How often each event id was answered `accepted`. */
  readonly accepted: Map<string, number>;
  readonly acceptAll: Behaviour;
  behave(behaviour: Behaviour): void;
}

export async function startMisbehavingServer(t: TestContext): Promise<MisbehavingServer> {
  const requests: SeenRequest[] = [];
  const accepted = new Map<string, number>();
  const acceptAll: Behaviour = (request, response) => {
    const results = request.events.map(({ event_id }) => {
      const known = accepted.get(event_id) ?? 0;
      accepted.set(event_id, known + 1);
      return { event_id, verdict: known > 0 ? "duplicate" : "accepted" };
    });
    answer(response, 202, { results });
  };
  let behaviour = acceptAll;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const text = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
      const seen: SeenRequest = {
        at: Date.now(),
        headers: request.headers,
        path: request.url ?? "",
        events: JSON.parse(text.toString()),
        bodyBytes: body.length,
      };
      requests.push(seen);
      behaviour(seen, response, requests.length);
    });
    request.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    accepted,
    acceptAll,
    behave: (next) => {
      behaviour = next;
    },
  };
}

export function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** Resolves when `condition` holds; rejects after the deadline. */
export async function until(condition: () => boolean, deadlineMs = 5_000): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`still not true after ${deadlineMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
