import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** What the answer of a route depends on. */
export interface IncomingRequest {
  readonly id: string;
  readonly method: string;
  /** Of the client, behind trusted proxies too. */
  readonly ip: string;
  /** Given by a trusted proxy that may send the request more than once. */
  readonly repeatId: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly raw: IncomingMessage;
  readonly params: unknown;
}
