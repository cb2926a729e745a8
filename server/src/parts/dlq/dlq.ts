/** The part `dlq`: replays dead letters and keeps them in bounds. */
import type { Database, Notifications } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { createWake } from "../../timing/wake.ts";
import { readFigures } from "./figures.ts";
import type { Replayer } from "./ports.ts";
import { createReplayWorker, runReplayWorker } from "./replay.ts";
import { replayChannel } from "./replays.ts";
import { type RetentionSettings, roomWarning, type Swept, sweep } from "./retention.ts";

export interface DlqOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  /** One for each part whose letters can be replayed. */
  readonly replayers: readonly Replayer[];
  /** Letters replayed at once by this process; with one they go in the order of arrival. */
  readonly workers: number;
  /** Asked at each round. */
  readonly retention: () => RetentionSettings;
  /** `reason` is why it failed again; undefined when it is resolved. */
  readonly onReplayed?: (letter: {
    readonly part: string;
    readonly reason: string | undefined;
  }) => void;
  readonly onSwept?: (swept: Swept) => void;
  /** For the log: room is running out. */
  readonly onWarning?: (warning: string) => void;
  readonly onError?: (error: unknown) => void;
}

const sweepEveryMs = 60_000;

export function createDlq(options: DlqOptions): Part {
  const { database, notifications } = options;
  let problem: string | undefined;

  async function look(): Promise<void> {
    const settings = options.retention();
    // before the sweep: the warning is about what is not deleted yet
    problem = roomWarning(await readFigures(database), settings);
    if (problem !== undefined) options.onWarning?.(problem);
    const swept = await sweep(database, settings);
    if (swept !== undefined) options.onSwept?.(swept);
  }

  async function keepInBounds(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await look().catch((error: unknown) => options.onError?.(error));
      await createWake().wait(sweepEveryMs, signal);
    }
  }

  return {
    name: "dlq",
    problem: () => problem,
    async run(signal) {
      const worker = createReplayWorker(options);
      const replaying = Array.from({ length: options.workers }, () =>
        runReplayWorker(worker, {
          signal,
          subscribe: (wake) => notifications.subscribe(replayChannel, wake),
          onError: (error) => options.onError?.(error),
        }),
      );
      await Promise.all([keepInBounds(signal), ...replaying]);
    },
  };
}
