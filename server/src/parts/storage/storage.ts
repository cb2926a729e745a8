/**
 * Watches the file systems that Weir writes to. Below the reserve no events are accepted, before PostgreSQL
 * cannot write its log any more and stops; below half of it background work that writes is paused too. What
 * deletes (retention, erasure, dead letters) continues, so that space can be freed.
 */
import { createEpisode, type Episode } from "../../core/episode.ts";
import type { Logger } from "../../core/ports/logger.ts";
import { pause } from "../../timing/pause.ts";
import type { FolderName, ReadSpace, StorageSettings } from "./ports.ts";
import { type FolderState, type Level, sentenceOf, statesOf } from "./reserve.ts";

export interface StorageOptions {
  readonly readSpace: ReadSpace;
  /** Called at each reading, so that it can change at run time. */
  readonly settings: () => StorageSettings;
  readonly logger: Logger;
  /** What this process does without space, and therefore logs: it refuses events, or pauses background work. */
  readonly consequence: "refuses" | "pauses";
  /** Monotonic milliseconds (performance.now). */
  readonly monotonic: () => number;
}

/** statfs takes some microseconds; at 200 MB/s of WAL the disk loses 100 MB between two readings. */
const readEveryMs = 500;
/** How long events are refused after PostgreSQL ran out of space although the reserve is there (a quota). */
const holdMs = { first: 2_000, last: 30_000 } as const;
const noSpaceSentence =
  "PostgreSQL has no space left to write; no events are accepted until it has";

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export class Storage {
  readonly #options: StorageOptions;
  readonly #episode: Episode;
  readonly #pausing: Episode;
  readonly #listeners = new Set<() => void>();
  #states: readonly FolderState[] = [];
  #heldUntil = Number.NEGATIVE_INFINITY;
  #holdMs: number = holdMs.first;
  #isCritical = false;
  /** Why no events are accepted now; undefined: they are. A field, because the accept path reads it. */
  refusal: string | undefined;

  constructor(options: StorageOptions) {
    this.#options = options;
    const { logger, consequence, monotonic } = options;
    this.#episode = createEpisode({
      logger: consequence === "refuses" ? logger : silent,
      monotonic,
      began: "no events are accepted: a disk is full or nearly full",
      ended: "events are accepted again: there is enough space",
    });
    this.#pausing = createEpisode({
      logger: consequence === "pauses" ? logger : silent,
      monotonic,
      began: "background work is paused: a disk is nearly full",
      ended: "background work continues: there is enough space",
    });
  }

  /** Of the last reading. */
  get states(): readonly FolderState[] {
    return this.#states;
  }

  /** Background work should not write: what is left is for PostgreSQL itself and for deleting. */
  get isCritical(): boolean {
    return this.#isCritical;
  }

  /** PostgreSQL answered that the disk is full. Also called on the accept path: it must not throw or wait. */
  full(): void {
    const now = this.#options.monotonic();
    if (this.#heldUntil > now) return;
    this.#heldUntil = now + this.#holdMs;
    this.#holdMs = Math.min(2 * this.#holdMs, holdMs.last);
    this.#decide();
  }

  /** Called when background work has to pause; returns what ends the calls. */
  onCritical(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.refresh();
      await pause(readEveryMs, signal);
    }
  }

  async refresh(): Promise<void> {
    const spaces = await this.#options.readSpace();
    const before = new Map<FolderName, Level>(
      this.#states.map(({ folder, level }) => [folder, level]),
    );
    this.#states = statesOf(spaces, this.#options.settings(), before);
    this.#decide();
  }

  #decide(): void {
    const { guarded } = this.#options.settings();
    const low = this.#states.filter(
      ({ folder, level }) => level !== "ok" && guarded.includes(folder),
    );
    const now = this.#options.monotonic();
    const isHeld = this.#heldUntil > now;
    // a while after the last refusal of PostgreSQL it counts as forgotten
    if (now > this.#heldUntil + holdMs.last) this.#holdMs = holdMs.first;
    this.refusal = sentenceOf(low) ?? (isHeld ? noSpaceSentence : undefined);
    if (this.refusal === undefined) this.#episode.end();
    else this.#episode.begin({ reason: this.refusal, folders: low.map(({ folder }) => folder) });
    this.#decidePause();
  }

  #decidePause(): void {
    this.#isCritical = this.#states.some(
      ({ folder, level }) => level === "critical" && (folder === "data" || folder === "wal"),
    );
    if (this.#isCritical) {
      if (!this.#pausing.isActive) for (const listener of this.#listeners) listener();
      this.#pausing.begin({});
    } else this.#pausing.end();
  }
}
