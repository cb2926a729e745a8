/** The thread that fit-lsa.ts starts. */
import { parentPort, workerData } from "node:worker_threads";
import { type FitOptions, fitModel } from "./fit-model.ts";

const { texts, options } = workerData as { texts: string[]; options: FitOptions };
const made = fitModel(texts, options);
parentPort?.postMessage(made, [made.file.buffer as ArrayBuffer]);
