import type { Part } from "../../core/ports/part.ts";
import { pause } from "../../timing/pause.ts";

/** What a part that can be paused needs to know. */
interface Space {
  readonly isCritical: boolean;
  onCritical(listener: () => void): () => void;
}

const checkMs = 500;

/**
 * The same part, stopped while the disk is nearly full and run again afterwards. Parts keep their place in the
 * database, so they continue where they stopped.
 */
export function pauseWithoutSpace(part: Part, space: Space): Part {
  let isPaused = false;

  async function untilSpace(signal: AbortSignal): Promise<void> {
    isPaused = space.isCritical;
    while (space.isCritical && !signal.aborted) await pause(checkMs, signal);
    isPaused = false;
  }

  return {
    name: part.name,
    problem: () => (isPaused ? "paused: a disk is nearly full" : part.problem?.()),
    async run(signal) {
      for (;;) {
        await untilSpace(signal);
        if (signal.aborted) return;
        const stop = new AbortController();
        const forget = space.onCritical(() => stop.abort());
        try {
          await part.run(AbortSignal.any([signal, stop.signal]));
        } catch (error) {
          if (!stop.signal.aborted) throw error;
        } finally {
          forget();
        }
        if (!stop.signal.aborted) return;
      }
    },
  };
}
