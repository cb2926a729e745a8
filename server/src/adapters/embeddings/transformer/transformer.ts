/** The embedder `transformer`: a sentence-transformer from a local folder, in a thread of its own. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { type Embedder, EmbeddingError } from "../../../core/ports/embedder.ts";
import type { WorkerOptions, WorkerReply } from "./protocol.ts";

export interface TransformerSettings {
  /** With model.onnx (or onnx/model.onnx), tokenizer.json and config.json. */
  readonly folder: string;
  /** `auto` takes the GPU where onnxruntime-node has CUDA, else the CPU. */
  readonly device?: "auto" | "cpu" | "cuda";
}

/** Where `npm ci --ignore-scripts --prefix extras/transformer` installs. */
const runtime = fileURLToPath(new URL("../../../../../extras/transformer", import.meta.url));

interface Waiting {
  readonly resolve: (vectors: Float32Array) => void;
  readonly reject: (error: EmbeddingError) => void;
}

/**
 * Mean pooling over the tokens, normalised, texts cut as sentence-transformers cuts them.
 * @throws EmbeddingError, not retryable, when the runtime is not installed or the folder holds no such model.
 */
export async function createTransformerEmbedder(settings: TransformerSettings): Promise<Embedder> {
  const { folder, device = "auto" } = settings;
  const modelId = `transformer-${(await hashOf(folder)).slice(0, 16)}`;
  const options: WorkerOptions = { folder, runtime, device };
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    workerData: options,
    name: "weir-transformer",
  });
  const waiting = new Map<number, Waiting>();
  let gone: EmbeddingError | undefined;
  let lastId = 0;

  function lose(error: EmbeddingError): void {
    gone ??= error;
    for (const { reject } of waiting.values()) reject(gone);
    waiting.clear();
  }

  const ready = Promise.withResolvers<number>();
  worker.on("message", (reply: WorkerReply) => {
    if (reply.type === "ready") return ready.resolve(reply.dimension);
    if (reply.type === "failed") {
      return ready.reject(new EmbeddingError(reply.message, { retryable: false }));
    }
    const asked = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.type === "vectors") asked?.resolve(reply.vectors);
    else asked?.reject(new EmbeddingError(reply.message, { retryable: false }));
  });
  worker.on("error", (cause) => {
    const error = new EmbeddingError("the transformer's thread ended", { retryable: true, cause });
    ready.reject(error);
    lose(error);
  });
  worker.on("exit", () => {
    const error = new EmbeddingError("the transformer's thread ended", { retryable: true });
    ready.reject(error);
    lose(error);
  });

  let dimension: number;
  try {
    dimension = await ready.promise;
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  // an embedder that nobody asks does not keep the process
  worker.unref();

  async function embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]> {
    signal?.throwIfAborted();
    if (gone !== undefined) throw gone;
    if (texts.length === 0) return [];
    const id = ++lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Float32Array>();
    const onAbort = () => {
      waiting.delete(id);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    waiting.set(id, { resolve, reject });
    worker.ref();
    worker.postMessage({ id, texts });
    try {
      const all = await promise;
      return texts.map((_, index) => all.slice(index * dimension, (index + 1) * dimension));
    } finally {
      signal?.removeEventListener("abort", onAbort);
      if (waiting.size === 0) worker.unref();
    }
  }

  return {
    modelId,
    dimension,
    worthKeeping: true,
    embed,
    async close() {
      // no fault of the texts: whoever asks again opens it anew, or finds that its model is gone
      lose(new EmbeddingError("the embedder is closed", { retryable: true }));
      await worker.terminate();
    },
  };
}

/** Of everything in the folder that the vectors depend on. */
async function hashOf(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of [
    "model.onnx",
    "onnx/model.onnx",
    "tokenizer.json",
    "config.json",
    "sentence_bert_config.json",
  ]) {
    const path = join(folder, name);
    const there = await access(path).then(
      () => true,
      () => false,
    );
    hash.update(`${there ? name : ""}\n`);
    if (there) await pipeline(createReadStream(path), hash, { end: false });
  }
  return hash.digest("hex");
}
