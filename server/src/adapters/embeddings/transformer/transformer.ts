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
  /** `auto` uses the GPU if onnxruntime-node has CUDA, else the CPU. */
  readonly device?: "auto" | "cpu" | "cuda";
}

/** Where `npm ci --ignore-scripts --prefix extras/transformer` installs. */
const runtime = fileURLToPath(new URL("../../../../../extras/transformer", import.meta.url));

/**
 * Mean pooling over the tokens, normalised, texts cut as sentence-transformers cuts them.
 * @throws EmbeddingError, not retryable, when the runtime is not installed or the folder contains no such model.
 */
export async function createTransformerEmbedder(settings: TransformerSettings): Promise<Embedder> {
  const { folder, device = "auto" } = settings;
  const modelId = `transformer-${(await hashOf(folder)).slice(0, 16)}`;
  const thread = new TransformerThread({ folder, runtime, device });
  const dimension = await thread.start();
  return {
    modelId,
    dimension,
    worthKeeping: true,
    async embed(texts, signal) {
      signal?.throwIfAborted();
      const all = await thread.embed(texts, signal);
      return texts.map((_, index) => all.slice(index * dimension, (index + 1) * dimension));
    },
    close: () => thread.close(),
  };
}

interface Waiting {
  readonly resolve: (vectors: Float32Array) => void;
  readonly reject: (error: EmbeddingError) => void;
}

/** The thread that runs the model, and the requests that wait for it. */
class TransformerThread {
  readonly #worker: Worker;
  readonly #ready = Promise.withResolvers<number>();
  readonly #waiting = new Map<number, Waiting>();
  #lost: EmbeddingError | undefined;
  #lastId = 0;

  constructor(options: WorkerOptions) {
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: options,
      name: "weir-transformer",
    });
    this.#worker.on("message", (reply: WorkerReply) => this.#receive(reply));
    const ended = (cause?: unknown) => {
      const message = "the thread of the transformer ended";
      const error = new EmbeddingError(message, { retryable: true, cause });
      this.#ready.reject(error);
      this.#lose(error);
    };
    this.#worker.on("error", ended);
    this.#worker.on("exit", () => ended());
  }

  /** Resolves with the dimension once the model is loaded. */
  async start(): Promise<number> {
    try {
      const dimension = await this.#ready.promise;
      // an idle embedder does not keep the process alive
      this.#worker.unref();
      return dimension;
    } catch (error) {
      await this.#worker.terminate();
      throw error;
    }
  }

  /** The vectors of all texts, one after the other. */
  async embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array> {
    if (this.#lost !== undefined) throw this.#lost;
    if (texts.length === 0) return new Float32Array();
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Float32Array>();
    const onAbort = () => {
      this.#waiting.delete(id);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#waiting.set(id, { resolve, reject });
    this.#worker.ref();
    this.#worker.postMessage({ id, texts });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      if (this.#waiting.size === 0) this.#worker.unref();
    }
  }

  async close(): Promise<void> {
    // retryable, because the texts are not at fault: the next caller opens the model again, or finds that it is gone
    this.#lose(new EmbeddingError("the embedder is closed", { retryable: true }));
    await this.#worker.terminate();
  }

  #receive(reply: WorkerReply): void {
    if (reply.type === "ready") {
      this.#ready.resolve(reply.dimension);
      return;
    }
    if (reply.type === "failed") {
      this.#ready.reject(new EmbeddingError(reply.message, { retryable: false }));
      return;
    }
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.type === "vectors") waiting?.resolve(reply.vectors);
    else waiting?.reject(new EmbeddingError(reply.message, { retryable: false }));
  }

  #lose(error: EmbeddingError): void {
    this.#lost ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#lost);
    this.#waiting.clear();
  }
}

/** Hash of every file in the folder that the vectors depend on. */
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
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    hash.update(`${exists ? name : ""}\n`);
    if (exists) await pipeline(createReadStream(path), hash, { end: false });
  }
  return hash.digest("hex");
}
