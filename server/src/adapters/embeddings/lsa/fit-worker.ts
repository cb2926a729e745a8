/** The thread that fit-lsa.ts starts. */
import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { type FitOptions, fitModel } from "./fit-model.ts";
import { finish } from "./interruptible.ts";

/** A nice value: threads that answer requests have priority. */
const niceness = 10;
/** The scheduler (EEVDF) protects a time slice; other threads wait this long at most. */
const breaks = { workMs: 2, restMs: 0.5 } as const;

stepBack();
const { texts, options } = workerData as { texts: string[]; options: FitOptions };
const made = finish(fitModel(texts, options), breaks);
parentPort?.postMessage(made, [made.file.buffer as ArrayBuffer]);

/** Affects this thread alone: Linux schedules threads, and accepts a thread id where a process id is expected. */
function stepBack(): void {
  try {
    setPriority(Number(basename(readlinkSync("/proc/thread-self"))), niceness);
  } catch {
    // another system: it competes like everything else
  }
}
