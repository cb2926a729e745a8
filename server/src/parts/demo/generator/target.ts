import type { GeneratedEvent } from "./generated-events.ts";

/** What became of the events so far. Over Kafka `accepted` is: acknowledged by all replicas in sync. */
export interface Outcomes {
  readonly accepted: number;
  readonly duplicate: number;
  readonly conflict: number;
  readonly rejected: number;
  /** Without an answer, and not sent again: as far as the sender knows, not stored. */
  readonly failed: number;
  readonly retries: number;
}

/** Where the generator sends to. */
export interface TrafficTarget {
  /** A promise while there is no room: wait for it before the next event. `json` is the event's text. */
  send(event: GeneratedEvent, json: string): Promise<void> | undefined;
  /** Resolves when all that was sent has an outcome. */
  flush(): Promise<void>;
  outcomes(): Outcomes;
  /** Percentile of the time from sending a request to its answer, in milliseconds. */
  latency(share: number): number | undefined;
  /** What the last attempt failed with; `final`: nothing more can be sent. */
  problem(): { readonly text: string; readonly final: boolean } | undefined;
  close(): Promise<void>;
}
