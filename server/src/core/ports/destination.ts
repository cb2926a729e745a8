/** Where deliveries go. Webhooks are one kind (`adapters/webhook/`); the part `deliveries` knows none of them. */
export interface OutgoingDelivery {
  /** The same at each attempt: the receiver recognises a repetition by it. */
  readonly id: string;
  readonly body: string;
  /** That sign it, newest first. */
  readonly secrets: readonly string[];
}

export type Outcome =
  | {
      readonly kind: "delivered";
      readonly status: number | null;
      readonly answer: string | null;
    }
  | {
      readonly kind: "failed";
      /** Null when there was no answer. */
      readonly status: number | null;
      readonly answer: string | null;
      readonly error: string;
      /** The receiver asks for at least this pause. */
      readonly retryAfterMs?: number;
      /** It will never accept anything again. */
      readonly isGone?: true;
    }
  /** Nothing was attempted: the breaker is open. */
  | { readonly kind: "held"; readonly retryAfterMs: number };

export interface Destination {
  /** Rejects with the reason of `signal` only. */
  send(delivery: OutgoingDelivery, signal: AbortSignal): Promise<Outcome>;
  close(): void;
}

/** What a subscription says about its destination. */
export interface DestinationTarget {
  readonly subscriptionId: string;
  readonly url: string;
  /** Deliveries at once. */
  readonly concurrency: number;
}

export type OpenDestination = (target: DestinationTarget) => Destination;
