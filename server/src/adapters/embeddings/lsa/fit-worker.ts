/** The thread that fit-lsa.ts starts. */
import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { type FitOptions, fitModel } from "./fit-model.ts";
import { finish } from "./interruptible.ts";

/** As `nice` counts: whoever answers a request goes first. */
const niceness = 10;
/** A processor is handed over only after a while (EEVDF protects a slice): nobody waits longer than this. */
const breaks = { workMs: 2, restMs: 0.5 } as const;

stepBack();
const { texts, options } = workerData as { texts: string[]; options: FitOptions };
const made = finish(fitModel(texts, options), breaks);
parentPort?.postMessage(made, [made.file.buffer as ArrayBuffer]);

/** This thread alone: Linux schedules threads, and takes the number of one where it asks for a process. */
function stepBack(): void {
  try {
    setPriority(Number(basename(readlinkSync("/proc/thread-self"))), niceness);
  } catch {
    // another system: it competes like everything else
  }
}
