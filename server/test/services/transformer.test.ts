/** The embedder `transformer` on the real ONNX runtime. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createEmbedder } from "../../src/adapters/embeddings/embedders.ts";
import { EmbeddingError } from "../../src/core/ports/embedder.ts";

const tiny = join(import.meta.dirname, "..", "parity", "tiny-transformer");
const expected = JSON.parse(readFileSync(join(tiny, "expected.json"), "utf8")) as {
  readonly text: string;
  readonly vector: readonly number[];
}[];

async function open(t: TestContext, folder: string) {
  const embedder = await createEmbedder({
    kind: "transformer",
    settings: { folder, device: "cpu" },
  });
  t.after(() => embedder.close());
  return embedder;
}

async function copyOfTiny(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "weir-transformer-"));
  t.after(() => rm(folder, { recursive: true }));
  await cp(tiny, folder, { recursive: true });
  return folder;
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, entry, d) => sum + entry * (b[d] as number), 0);
}

test("vectors equal those computed by hand: tokens, truncation, mean without padding, length one", async (t) => {
  const embedder = await open(t, tiny);
  assert.equal(embedder.dimension, 8);
  const together = await embedder.embed(expected.map(({ text }) => text));
  for (const [index, { text, vector }] of expected.entries()) {
    assert.ok(cosine(together[index] as Float32Array, vector) > 0.999999, text);
    // in a batch and alone
    const [alone] = await embedder.embed([text]);
    assert.ok(cosine(alone as Float32Array, together[index] as Float32Array) > 0.999999, text);
  }
});

test("a thousand texts at once keep their order", async (t) => {
  const embedder = await open(t, tiny);
  const texts = Array.from({ length: 1_000 }, (_, n) => expected[n % expected.length]?.text ?? "");
  const vectors = await embedder.embed(texts);
  for (const [n, vector] of vectors.entries()) {
    assert.ok(cosine(vector, expected[n % expected.length]?.vector ?? []) > 0.999999, texts[n]);
  }
});

test("truncated text does not count, and the limit is the model's own", async (t) => {
  const folder = await copyOfTiny(t);
  const model = await open(t, tiny);
  await writeFile(join(folder, "sentence_bert_config.json"), '{"max_seq_length": 5}');
  const shorter = await open(t, folder);
  assert.notEqual(shorter.modelId, model.modelId);
  const long = "red blue coffee mug tea cup wooden box lamp";
  const [a, b] = await shorter.embed([long, "red blue coffee"]);
  const [c] = await model.embed([long]);
  assert.ok(cosine(a as Float32Array, b as Float32Array) > 0.999999);
  assert.ok(cosine(a as Float32Array, c as Float32Array) < 0.9999);
});

test("a folder without a model, and one with another pooling, are refused with a reason", async (t) => {
  const refused = (message: RegExp) => (error: unknown) =>
    error instanceof EmbeddingError && !error.retryable && message.test(error.message);
  const folder = await copyOfTiny(t);
  await writeFile(join(folder, "1_Pooling", "config.json"), '{"pooling_mode_cls_token": true}');
  await assert.rejects(open(t, folder), refused(/does not pool by the mean/));
  await rm(join(folder, "model.onnx"));
  await assert.rejects(open(t, folder), refused(/no model\.onnx/));
});

test("a closed embedder rejects every call", async (t) => {
  const embedder = await open(t, tiny);
  const asked = embedder.embed(["red mug"]);
  await Promise.all([assert.rejects(asked, EmbeddingError), embedder.close()]);
  await assert.rejects(embedder.embed(["red mug"]), EmbeddingError);
});

test("an aborted call rejects, and the next one succeeds", async (t) => {
  const embedder = await open(t, tiny);
  const controller = new AbortController();
  const asked = embedder.embed(["red mug"], controller.signal);
  controller.abort();
  await assert.rejects(asked, { name: "AbortError" });
  assert.equal((await embedder.embed(["red mug"])).length, 1);
});

const miniLm = process.env["WEIR_TEST_MINILM"];
const reference = JSON.parse(
  readFileSync(join(import.meta.dirname, "..", "parity", "minilm-expected.json"), "utf8"),
) as { readonly texts: readonly { readonly text: string; readonly vector: string }[] };

test("MiniLM: vectors equal those of sentence-transformers, for short and for truncated texts", {
  skip: miniLm === undefined && "WEIR_TEST_MINILM names no folder",
}, async (t) => {
  const embedder = await open(t, miniLm as string);
  assert.equal(embedder.dimension, 384);
  const together = await embedder.embed(reference.texts.map(({ text }) => text));
  for (const [index, { text, vector }] of reference.texts.entries()) {
    const expected = float32Of(vector);
    const [alone] = await embedder.embed([text]);
    for (const own of [together[index], alone]) {
      const likeness = cosine(own as Float32Array, expected);
      assert.ok(likeness > 0.99999, `${likeness} ${text.slice(0, 60)}`);
    }
  }
  // Control: truncated texts differ from texts that end just before the limit, and from each other.
  const [short, long] = reference.texts.slice(-2).map(({ vector }) => float32Of(vector));
  assert.ok(cosine(short as Float32Array, long as Float32Array) < 0.9999);
});

function float32Of(base64: string): Float32Array {
  const bytes = Buffer.from(base64, "base64");
  return Float32Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
}
