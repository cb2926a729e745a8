/** Failures of a message broker, as adapters report them to parts; `adapters/kafka/` implements it. */

export type BrokerErrorCode =
  /** No connection, or the broker or its partition leader is down. */
  | "unavailable"
  | "timeout"
  /** User, password or mechanism was refused. */
  | "authentication"
  /** The user lacks a right at the broker. */
  | "authorization"
  /** The broker's certificate is not trusted, or one side expects TLS and the other does not. */
  | "tls"
  | "unknown_topic"
  /** The broker refuses a message for its size. */
  | "too_large"
  /** Fewer replicas are in sync than the topic demands. */
  | "not_enough_replicas"
  | "closed"
  /** Anything else that the broker or its client refuses. */
  | "refused";

/** Failures that pass without a change of configuration. */
const passing: ReadonlySet<BrokerErrorCode> = new Set([
  "unavailable",
  "timeout",
  "not_enough_replicas",
]);

export class BrokerError extends Error {
  override readonly name = "BrokerError";
  readonly code: BrokerErrorCode;
  /** The same call may succeed later. What was sent may have been stored already. */
  readonly retryable: boolean;

  /** @param message for operators: names brokers and topics, never a secret */
  constructor(
    message: string,
    about: { readonly code: BrokerErrorCode; readonly cause?: unknown },
  ) {
    super(message, { cause: about.cause });
    this.code = about.code;
    this.retryable = passing.has(about.code);
  }
}
