/** A receiver of webhooks that remembers what it got and answers as it is ordered to. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import type { CleanUp } from "../../../testing/database.ts";

export interface Received {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly path: string;
  /** What the receiver answered. */
  readonly status: number;
}

export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** Ids of what was answered with 2xx, in order. */
  accepted(): readonly Received[];
  close(): Promise<void>;
}

/** Undefined: no answer at all. */
export type Answer = (
  request: Omit<Received, "status">,
  response: ServerResponse,
) => number | undefined | Promise<number | undefined>;

export async function startReceiver(
  t: CleanUp,
  answer: Answer = () => 204,
  port = 0,
): Promise<Receiver> {
  const received: Received[] = [];
  const respond = async (got: Omit<Received, "status">, response: ServerResponse) => {
    const status = await answer(got, response);
    if (status === undefined) return;
    received.push({ ...got, status });
    if (!response.headersSent) response.writeHead(status);
    response.end();
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const got = {
        id: String(request.headers["webhook-id"]),
        headers: request.headers,
        body: Buffer.concat(chunks).toString("utf8"),
        path: request.url ?? "",
      };
      void respond(got, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  t.after(close);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    accepted: () => received.filter(({ status }) => status >= 200 && status < 300),
    close,
  };
}

/** By the reference library. @throws when no signature is valid */
export function verify(
  secret: string,
  { body, headers }: Pick<Received, "body" | "headers">,
): void {
  new Webhook(secret).verify(body, headers as Record<string, string>);
}
