/** The embedder `lsa` with real fits; among the services tests because a fit takes minutes under coverage. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { similarity } from "../../../testing/quality/nearest.ts";
import { coldStartModel, createEmbedder, fitLsa } from "../../src/adapters/embeddings/embedders.ts";
import { countTexts } from "../../src/adapters/embeddings/lsa/count-texts.ts";
import { finish } from "../../src/adapters/embeddings/lsa/interruptible.ts";
import { decodeLsaModel, ModelFileError } from "../../src/adapters/embeddings/lsa/model.ts";
import { lsaParameters } from "../../src/adapters/embeddings/lsa/parameters.ts";
import { openSentenceModel } from "../../src/adapters/embeddings/transformer/sentence-model.ts";
import { parseRetail } from "../../src/parts/demo/uci.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const created = new Date("2024-01-01T00:00:00Z");
const english = [
  ...new Set(
    parseRetail(readFileSync(join(root, "data/uci-online-retail-5000.csv"), "utf8"))
      .slice(0, 200)
      .map(({ description }) => description),
  ),
];
const turkish = readFileSync(join(root, "testing/quality/turkish-suffixes.csv"), "utf8")
  .trim()
  .split("\n")
  .slice(0, 80)
  .map((line) => line.split(";")[0] as string);
const length = (vector: Float32Array) => Math.sqrt(similarity(vector, vector));
const open = (file: Uint8Array) => createEmbedder({ kind: "lsa", file });

const fitted = await fitLsa([...english, ...turkish], { created });

test("vectors have length one; a text without words gives zeros", async () => {
  for (const { file } of [fitted, coldStartModel(created)]) {
    const embedder = await open(file);
    assert.equal(embedder.dimension, 192);
    const vectors = await embedder.embed([...english.slice(0, 300), "unheard-of qzxv", "", " ?! "]);
    for (const vector of vectors.slice(0, -2)) assert.ok(Math.abs(length(vector) - 1) < 1e-5);
    for (const vector of vectors.slice(-2)) assert.equal(length(vector), 0);
  }
});

test("a model file reads the same as bytes and as a Buffer in the middle of others", async () => {
  const among = Buffer.concat([Buffer.alloc(3), fitted.file, Buffer.alloc(5)]);
  const inside = among.subarray(3, 3 + fitted.file.length);
  const text = [english[0] as string];
  assert.deepEqual(
    await (await open(inside)).embed(text),
    await (await open(fitted.file)).embed(text),
  );
});

test("a text has the same vector alone, among others and after many other words", async () => {
  const embedder = await open(fitted.file);
  const [before] = await embedder.embed(["Ahşap Kitaplık 5 Raflı"]);
  await embedder.embed(Array.from({ length: 20_000 }, (_, n) => `word${n}`));
  const after = (await embedder.embed(["x", "AHŞAP KİTAPLIK, 5 raflı"]))[1];
  assert.deepEqual(after, before);
});

test("the same texts give the same model at any time; other texts give another", async () => {
  const again = await fitLsa([...english, ...turkish], { created: new Date(0) });
  assert.equal(again.id, fitted.id);
  assert.deepEqual(decodeLsaModel(again.file).model, decodeLsaModel(fitted.file).model);
  const other = await fitLsa(english, { created });
  assert.notEqual(other.id, fitted.id);
  assert.equal(coldStartModel(created).id, coldStartModel(new Date(0)).id);
});

test("the header describes the model", () => {
  const { header } = decodeLsaModel(fitted.file);
  assert.equal(header.id, fitted.id);
  assert.match(header.id, /^lsa-[0-9a-f]{16}$/);
  assert.equal(header.corpusTexts, english.length + turkish.length);
  assert.equal(header.created, "2024-01-01T00:00:00.000Z");
  assert.deepEqual(header.parameters, lsaParameters);
});

test("a model file that was cut or changed is refused", () => {
  const { file } = fitted;
  for (const cut of [0, 5, 11, 60, 1_000, file.length - 1]) {
    assert.throws(() => decodeLsaModel(file.subarray(0, cut)), ModelFileError, `${cut} bytes`);
  }
  for (const at of [0, 9, 40, 5_000, file.length - 40, file.length - 1]) {
    const changed = file.slice();
    changed[at] = (changed[at] as number) ^ 1;
    assert.throws(() => decodeLsaModel(changed), ModelFileError, `byte ${at}`);
  }
});

test("few texts, empty texts and none at all still give a model that distinguishes texts", async () => {
  for (const corpus of [[], ["", "?"], ["mug"], ["red mug", "blue mug", "blue mug"]]) {
    const embedder = await open((await fitLsa(corpus, { created })).file);
    const [red, same, lamp] = (await embedder.embed(["red mug", "mug, red", "table lamp"])) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    assert.ok(red.every(Number.isFinite));
    assert.ok(similarity(red, same) > 0.999, `${corpus}`);
    assert.ok(similarity(red, lamp) < 0.8, `${corpus}: ${similarity(red, lamp)}`);
  }
});

test("the dimension is the caller's choice", async () => {
  const embedder = await open((await fitLsa(english, { dimension: 40, created })).file);
  assert.equal(embedder.dimension, 40);
  assert.equal((await embedder.embed(["mug"]))[0]?.length, 40);
});

test("a fit and an embedding end when they are aborted", async () => {
  const controller = new AbortController();
  const fit = fitLsa(english, { created, signal: controller.signal });
  controller.abort(new Error("not wanted"));
  await assert.rejects(fit, /not wanted/);
  const embedder = await open(fitted.file);
  await assert.rejects(embedder.embed(english, controller.signal), /not wanted/);
});

test("of a corpus too large for memory every n-th text is used", () => {
  const count = (...parameters: Parameters<typeof countTexts>) => finish(countTexts(...parameters));
  const texts = Array.from({ length: 1_000 }, (_, n) => `product${n}`);
  const whole = count(texts, lsaParameters);
  assert.equal(whole.starts.length - 1, 1_000);
  const part = count(texts, lsaParameters, 5_000);
  const rows = part.starts.length - 1;
  assert.ok(part.indexes.length <= 5_000 && rows > 100, `${part.indexes.length} of ${rows}`);
  const stride = 2 ** Math.ceil(Math.log2(1_000 / rows));
  const kept = count(
    texts.filter((_, n) => n % stride === 0),
    lsaParameters,
  );
  assert.deepEqual(part.starts, kept.starts);
  assert.deepEqual(part.indexes, kept.indexes);
});

test("a transformer without its runtime says how to install it", async () => {
  await assert.rejects(
    openSentenceModel({ folder: tmpdir(), runtime: join(tmpdir(), "no-runtime"), device: "cpu" }),
    /npm ci --ignore-scripts --prefix extras\/transformer/,
  );
});
