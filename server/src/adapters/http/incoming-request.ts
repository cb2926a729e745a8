import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** What the answer of a route depends on; Fastify's request implements it. */
export interface IncomingRequest {
  readonly id: string;
  readonly method: string;
  readonly ip: string;
  readonly headers: IncomingHttpHeaders;
  readonly raw: IncomingMessage;
  readonly params: unknown;
}
