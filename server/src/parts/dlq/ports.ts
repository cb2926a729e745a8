import type { Queryable } from "../../core/ports/database.ts";

export const letterStates = ["open", "replaying", "resolved", "discarded"] as const;
export type LetterState = (typeof letterStates)[number];
export const replayStates = ["queued", "running", "done", "cancelled"] as const;

/** What a part is given to process once more. */
export interface ReplayLetter {
  readonly id: string;
  readonly part: string;
  readonly source_key: string;
  /** As the part gave it to `dlq.add`. */
  readonly source: unknown;
  readonly original: Buffer;
  /** Stands instead of the original when somebody has mended it. */
  readonly edited: Buffer | null;
  readonly content_type: string;
  readonly attempts: number;
}

export type Replayed =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly error: string };

/** How a part processes a letter of its own again. */
export interface Replayer {
  readonly part: string;
  /**
   * All effects go through `connection`: they are committed together with the letter's new state, so that
   * replaying twice has one effect. Of an answer that is not ok, and of a rejection, nothing stays. An
   * error with `retryable: true` says that something is away: the letter waits and no attempt is counted.
   */
  replay(connection: Queryable, letter: ReplayLetter, signal: AbortSignal): Promise<Replayed>;
}

/** What is wrong with an edited letter of a part, for a person; undefined when nothing is. */
export type Validator = (
  bytes: Buffer,
  letter: { readonly source: unknown; readonly content_type: string },
) => string | undefined;
export type Validators = Readonly<Record<string, Validator>>;

/** Writes into the audit log, in the transaction of what is written about. */
export type WriteAudit = (
  connection: Queryable,
  entry: {
    readonly actor: string;
    readonly action: string;
    readonly subject: string;
    readonly detail: Readonly<Record<string, unknown>>;
  },
) => Promise<void>;
