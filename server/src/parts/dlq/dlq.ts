/** The part `dlq`: replays dead letters, and deletes them by age and size. */
import type { Database, Notifications } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { pause } from "../../timing/pause.ts";
import { readFigures } from "./figures.ts";
import type { Replayer } from "./ports.ts";
import { createReplayWorker, type ReplayScope, runReplayWorker } from "./replay.ts";
import { replayChannel } from "./replays.ts";
import { type RetentionSettings, type Swept, sizeWarning, sweep } from "./retention.ts";

export interface ReplaysOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  /** One for each part whose dead letters can be replayed. */
  readonly replayers: readonly Replayer[];
  /** Whose dead letters are replayed here; absent: all. */
  readonly scope?: ReplayScope;
  /** Dead letters that this process replays concurrently; with 1 they are replayed in order of arrival. */
  readonly workers: number;
  /** `reason`: why it failed again; undefined when it is resolved. */
  readonly onReplayed?: (letter: {
    readonly part: string;
    readonly reason: string | undefined;
  }) => void;
  readonly onError?: (error: unknown) => void;
}

export interface DlqOptions extends ReplaysOptions {
  /** Read at each sweep. */
  readonly retention: () => RetentionSettings;
  readonly onSwept?: (swept: Swept) => void;
  /** The dead letters are close to their maximum size. */
  readonly onWarning?: (warning: string) => void;
}

const sweepEveryMs = 60_000;

export function createDlq(options: DlqOptions): Part {
  const { database } = options;
  let problem: string | undefined;

  async function sweepOnce(): Promise<void> {
    const settings = options.retention();
    // before the sweep: the warning is about dead letters that are not deleted yet
    problem = sizeWarning(await readFigures(database), settings);
    if (problem !== undefined) options.onWarning?.(problem);
    const swept = await sweep(database, settings);
    if (swept !== undefined) options.onSwept?.(swept);
  }

  async function sweepRegularly(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sweepOnce().catch((error: unknown) => options.onError?.(error));
      await pause(sweepEveryMs, signal);
    }
  }

  return {
    name: "dlq",
    problem: () => problem,
    async run(signal) {
      await Promise.all([sweepRegularly(signal), createReplays(options).run(signal)]);
    },
  };
}

/** Replays without the deletion by age and size, which one process of an installation does. */
export function createReplays(options: ReplaysOptions): Part {
  return {
    name: "replays",
    async run(signal) {
      const worker = createReplayWorker(options);
      const replaying = Array.from({ length: options.workers }, () =>
        runReplayWorker(worker, {
          signal,
          subscribe: (wake) => options.notifications.subscribe(replayChannel, wake),
          onError: (error) => options.onError?.(error),
        }),
      );
      await Promise.all(replaying);
    },
  };
}
