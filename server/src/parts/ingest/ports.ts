/** The interfaces that the accept path needs. */
import type { Verdict } from "@weir/protocol";
import type { EventRecord } from "../../core/event/record.ts";

/** The answer of the raw log for one event of a group. */
export const appended = { accepted: 0, duplicate: 1, conflict: 2, blocked: 3 } as const;
export type Appended = (typeof appended)[keyof typeof appended];

/** The log of accepted events. The accept path can only append. */
export interface RawLog {
  /**
   * Stores the new events of a group, all or nothing, and answers per event in the given order once
   * they are committed; null if all were new. Rejects with core's `DatabaseError`; then the outcome of
   * the group is unknown, unless the error says so.
   */
  append(group: readonly EventRecord[]): Promise<readonly Appended[] | null>;
  /** Creates the partitions of today and the next days. */
  prepareDays(ahead: number): Promise<void>;
}

/** Whether there is disk space for events. */
export interface StorageGate {
  /** Why no events are accepted now, for senders; undefined: they are. Read for each request. */
  readonly refusal: string | undefined;
  /** The log of events could not be written for lack of space. */
  full(): void;
}

export type EntryPoint = "single" | "batch" | "segment" | "cloudevents" | "kafka";

/** What the accept path reports. Called on the hot path: it must not throw or wait. */
export interface IngestObserver {
  verdict(entryPoint: EntryPoint, verdict: Verdict, events: number): void;
  rateLimited(entryPoint: EntryPoint, events: number): void;
  /** A group commit ended. */
  group(ended: {
    readonly events: number;
    readonly bytes: number;
    readonly seconds: number;
    readonly failed: boolean;
  }): void;
  /** What is still queued after a group was taken. */
  queue(events: number, bytes: number): void;
  /** Why a group commit failed, for the log. */
  failure(error: unknown): void;
}
