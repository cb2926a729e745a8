import type { Database, Queryable } from "../../core/ports/database.ts";

export const deadLetterStates = ["open", "replaying", "resolved", "discarded"] as const;
export type DeadLetterState = (typeof deadLetterStates)[number];
export const replayStates = ["queued", "running", "done", "cancelled"] as const;

/** What a part gets to process again. */
export interface DeadLetterToReplay {
  readonly id: string;
  readonly part: string;
  readonly source_key: string;
  /** As the part gave it to `dlq.add`. */
  readonly source: unknown;
  readonly original: Buffer;
  /** Replaces the original after an edit. */
  readonly edited: Buffer | null;
  readonly content_type: string;
  readonly attempts: number;
}

export type Replayed =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly error: string };

/** How a part processes one of its dead letters again. */
export interface Replayer {
  readonly part: string;
  /**
   * All effects go through `connection`: they are committed together with the dead letter's new state, so that
   * replaying twice has one effect. They are rolled back when the result is not ok or the promise rejects. An
   * error with `retryable: true` means that a dependency is down: the dead letter waits and no attempt is counted.
   */
  replay(connection: Queryable, letter: DeadLetterToReplay, signal: AbortSignal): Promise<Replayed>;
}

/** Says what is wrong with the edited bytes of a part's dead letter; undefined when they are valid. */
export type Validator = (
  bytes: Buffer,
  letter: { readonly source: unknown; readonly content_type: string },
) => string | undefined;
export type Validators = Readonly<Record<string, Validator>>;

/** Writes an entry of the audit log, in the transaction of the change. */
export type WriteAudit = (
  connection: Queryable,
  entry: {
    readonly actor: string;
    readonly action: string;
    readonly subject: string;
    readonly detail: Readonly<Record<string, unknown>>;
  },
) => Promise<void>;

/** Where a change is made, by whom, and how it is recorded. */
export interface Change {
  readonly database: Database;
  readonly actor: string;
  readonly audit: WriteAudit;
}
