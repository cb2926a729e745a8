/** A sentence-transformer in ONNX: tokenise, cut, mean pooling, normalise. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { inBatches } from "../batches.ts";
import { normalise } from "../normalise.ts";
import type { WorkerOptions } from "./protocol.ts";
import type { OrtSession, OrtTensor, TransformerRuntime } from "./runtime.ts";

export interface SentenceModel {
  readonly dimension: number;
  readonly device: "cpu" | "cuda";
  /** `dimension` numbers per text, one text after the other. */
  embed(texts: readonly string[]): Promise<Float32Array>;
}

interface Tokens {
  readonly index: number;
  readonly ids: readonly number[];
}

/** Limits of a batch: texts, and token ids including the padding. */
const maxTexts = 32;
const maxIds = 8_192;
/** Dependencies of extras/transformer, not of this workspace. */
const packages = { runtime: "onnxruntime-node", tokenizer: "@huggingface/tokenizers" } as const;
/** The default of sentence-transformers. */
const defaultLength = 512;

/** @throws Error with a sentence for the operator. */
export async function openSentenceModel(options: WorkerOptions): Promise<SentenceModel> {
  const { folder } = options;
  const runtime = loadRuntime(options.runtime);
  const modelPath = ["model.onnx", join("onnx", "model.onnx")]
    .map((name) => join(folder, name))
    .find(existsSync);
  if (modelPath === undefined) throw new Error(`there is no model.onnx in ${folder}`);
  const pooling = readJson(folder, join("1_Pooling", "config.json"));
  if (pooling !== undefined && pooling["pooling_mode_mean_tokens"] !== true) {
    throw new Error(`the model in ${folder} does not pool by the mean; others are not supported`);
  }
  const { ids: idsOf, padding } = openTokenizer(folder, runtime);
  const { session, device } = await openSession(runtime, modelPath, options.device);
  const probe = await run([{ index: 0, ids: idsOf("a") }]);
  const dimension = probe.width;

  async function run(batch: readonly Tokens[]): Promise<{ states: OrtTensor; width: number }> {
    const length = Math.max(...batch.map(({ ids }) => ids.length));
    const shape = [batch.length, length];
    const fill = (entry: (ids: readonly number[], at: number) => number) =>
      new runtime.Tensor(
        "int64",
        BigInt64Array.from({ length: batch.length * length }, (_, at) =>
          BigInt(entry((batch[Math.floor(at / length)] as Tokens).ids, at % length)),
        ),
        shape,
      );
    const inputs: Record<string, OrtTensor> = {
      input_ids: fill((ids, at) => ids[at] ?? padding),
      attention_mask: fill((ids, at) => (at < ids.length ? 1 : 0)),
      token_type_ids: fill(() => 0),
    };
    const outputs = await session.run(
      Object.fromEntries(
        Object.entries(inputs).filter(([name]) => session.inputNames.includes(name)),
      ),
    );
    const states =
      outputs["last_hidden_state"] ??
      outputs["token_embeddings"] ??
      outputs[session.outputNames[0] as string];
    const width = states?.dims[2];
    if (states === undefined || states.type !== "float32" || states.dims.length !== 3 || !width) {
      throw new Error(`the model in ${folder} has no output with one float32 vector per token`);
    }
    return { states, width };
  }

  return {
    dimension,
    device,
    async embed(texts) {
      const vectors = new Float32Array(texts.length * dimension);
      // texts of similar length together: padding costs as much as words do
      const tokens = texts
        .map((text, index) => ({ index, ids: idsOf(text) }))
        .sort((a, b) => a.ids.length - b.ids.length);
      const longest = tokens.at(-1)?.ids.length ?? 1;
      const count = Math.max(1, Math.min(maxTexts, Math.floor(maxIds / longest)));
      for (const batch of inBatches(tokens, {
        count,
        size: maxIds,
        sizeOf: ({ ids }) => ids.length,
      })) {
        const { states } = await run(batch);
        const stride = states.data.length / batch.length;
        for (const [place, { index, ids }] of batch.entries()) {
          const vector = vectors.subarray(index * dimension, (index + 1) * dimension);
          pool(
            states.data.subarray(place * stride, place * stride + ids.length * dimension),
            vector,
          );
        }
      }
      return vectors;
    },
  };
}

/** The normalised mean of the token vectors. Without dividing by their number, which normalising would undo. */
function pool(states: Float32Array, into: Float32Array): void {
  for (let at = 0; at < states.length; at++) {
    (into[at % into.length] as number) += states[at] as number;
  }
  normalise(into);
}

function loadRuntime(folder: string): TransformerRuntime {
  const require = createRequire(join(folder, "package.json"));
  try {
    const { InferenceSession, Tensor } = require(packages.runtime) as TransformerRuntime;
    const { Tokenizer } = require(packages.tokenizer) as TransformerRuntime;
    return { InferenceSession, Tensor, Tokenizer };
  } catch (cause) {
    throw new Error(
      "the embedder `transformer` needs its runtime, which is not installed; " +
        "run: npm ci --ignore-scripts --prefix extras/transformer",
      { cause },
    );
  }
}

async function openSession(
  { InferenceSession }: TransformerRuntime,
  path: string,
  device: WorkerOptions["device"],
): Promise<{ session: OrtSession; device: "cpu" | "cuda" }> {
  if (device !== "cpu") {
    try {
      const session = await InferenceSession.create(path, { executionProviders: ["cuda"] });
      return { session, device: "cuda" };
    } catch (error) {
      // `auto`: no CUDA on this machine or in this runtime
      if (device === "cuda") throw error;
    }
  }
  return {
    session: await InferenceSession.create(path, { executionProviders: ["cpu"] }),
    device: "cpu",
  };
}

/**
 * Cuts as sentence-transformers does: to the model's `max_seq_length`, keeping the closing token. The
 * truncation and padding in tokenizer.json are another length, meant for training.
 */
function openTokenizer(folder: string, { Tokenizer }: TransformerRuntime) {
  const description = readJson(folder, "tokenizer.json");
  if (description === undefined) throw new Error(`there is no tokenizer.json in ${folder}`);
  const settings = readJson(folder, "tokenizer_config.json") ?? {};
  const config = readJson(folder, "config.json") ?? {};
  const tokenizer = new Tokenizer({ ...description, truncation: null, padding: null }, settings);
  const longest = Number(
    readJson(folder, "sentence_bert_config.json")?.["max_seq_length"] ??
      Math.min(Number(config["max_position_embeddings"] ?? defaultLength), defaultLength),
  );
  return {
    padding: Number(config["pad_token_id"] ?? 0),
    ids: (text: string): readonly number[] => {
      const { ids } = tokenizer.encode(text);
      return ids.length <= longest ? ids : [...ids.slice(0, longest - 1), ids.at(-1) as number];
    },
  };
}

function readJson(folder: string, name: string): Record<string, unknown> | undefined {
  const path = join(folder, name);
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
}
