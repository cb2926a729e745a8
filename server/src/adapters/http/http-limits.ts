/** Limits that protect the server; the settings of `http` in the configuration. */
export interface HttpLimits {
  /** For a request to arrive, and for a client that stops reading its answer. */
  readonly requestTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly maxConnections: number;
  /** Bytes of request bodies in memory, of senders with a valid key and of all others. */
  readonly bodyBytes: number;
  readonly unknownBodyBytes: number;
}
