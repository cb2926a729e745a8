/**
 * The part `stream`: reads the raw log in pages, takes each event through the steps, and maintains products
 * and users with their points. Any number of workers, here and in other processes, share the pages.
 */
import type { Part } from "../../core/ports/part.ts";
import { StreamWorker, type WorkerOptions } from "./worker.ts";

export interface StreamOptions extends Omit<WorkerOptions, "onProblem"> {
  readonly workers: number;
}

export function createStream(options: StreamOptions): Part {
  let problem: string | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    const workers = Array.from({ length: options.workers }, (_, index) =>
      new StreamWorker({
        ...options,
        owner: `${options.owner}/${index}`,
        onProblem: (found) => {
          problem = found;
        },
      }).run(signal),
    );
    await Promise.all(workers);
  }

  return { name: "stream", run, problem: () => problem };
}
