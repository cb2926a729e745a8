/** A condition that lasts (a full disk, a dependency that is down): one line when it begins, one when it ends. */
import type { Logger } from "./ports/logger.ts";

export interface EpisodeOptions {
  readonly logger: Logger;
  /** The messages of the two lines. */
  readonly began: string;
  readonly ended: string;
  /** Monotonic milliseconds (performance.now). */
  readonly monotonic: () => number;
}

export interface Episode {
  readonly isActive: boolean;
  /** The condition was seen: logs a warning with `fields` if it begins now, and otherwise only counts. */
  begin(fields: Readonly<Record<string, unknown>>): void;
  /** The condition is over: logs how long it lasted and how often it was seen, if it had begun. */
  end(fields?: Readonly<Record<string, unknown>>): void;
}

export function createEpisode({ logger, began, ended, monotonic }: EpisodeOptions): Episode {
  let since: number | undefined;
  let seen = 0;
  return {
    get isActive() {
      return since !== undefined;
    },
    begin(fields) {
      seen++;
      if (since !== undefined) return;
      since = monotonic();
      logger.warn(fields, began);
    },
    end(fields = {}) {
      if (since === undefined) return;
      const lasted_ms = Math.round(monotonic() - since);
      logger.info({ ...fields, lasted_ms, seen }, ended);
      since = undefined;
      seen = 0;
    },
  };
}
