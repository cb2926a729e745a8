import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { ModelFile } from "./model.ts";

/**
 * Fits a model on a corpus in a worker thread, so that the process continues to serve requests. The same texts in the same
 * order give the same model. Rejects with the signal's reason when aborted.
 */
export async function fitLsa(
  texts: readonly string[],
  options: { readonly dimension?: number; readonly created: Date; readonly signal?: AbortSignal },
): Promise<ModelFile> {
  const { signal, ...fitOptions } = options;
  signal?.throwIfAborted();
  const worker = new Worker(new URL("./fit-worker.ts", import.meta.url), {
    workerData: { texts, options: fitOptions },
    name: "weir-fit",
  });
  try {
    const [made] = (await once(worker, "message", { signal })) as [ModelFile];
    return made;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    await worker.terminate();
  }
}
