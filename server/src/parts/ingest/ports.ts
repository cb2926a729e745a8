/** What the accept path asks of others. */
import type { Verdict } from "@weir/protocol";
import type { EventRecord } from "../../core/event/record.ts";

/** What the raw log said about one event of a group. */
export const appended = { accepted: 0, duplicate: 1, conflict: 2 } as const;
export type Appended = (typeof appended)[keyof typeof appended];

/** The log of accepted events. Appending is all that the accept path can do to it. */
export interface RawLog {
  /**
   * Keeps what is new of a group, all or nothing, and answers per event in the order given once it
   * is committed; null when all were new. Rejects with core's `DatabaseError`, after which nothing
   * is known about the group unless the error says so.
   */
  append(group: readonly EventRecord[]): Promise<readonly Appended[] | null>;
  /** Makes today's place in the log and those of the days after it. */
  prepareDays(ahead: number): Promise<void>;
}

export type EntryPoint = "single" | "batch" | "segment" | "cloudevents";

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
  /** What still waits after a group was taken from the queue. */
  queue(events: number, bytes: number): void;
  /** Why a group commit failed, for the log. */
  failure(error: unknown): void;
}
