import assert from "node:assert/strict";
import { test } from "node:test";
import type { ModelRow } from "./model-store.ts";
import { CorpusWatch } from "./refit.ts";

function model(change: Partial<ModelRow> = {}): ModelRow {
  return {
    id: "m",
    kind: "random-projection",
    dimension: 2,
    automatic: true,
    corpus_texts: 0,
    state: "live",
    wanted: false,
    rebuild: false,
    settings: {},
    created_at: new Date(0),
    ready_at: null,
    live_at: null,
    retired_at: null,
    error: null,
    ...change,
  };
}

/** The results of rounds in which the corpus has these sizes, a minute apart; counting takes no time. */
async function rounds(sizes: readonly number[], models: readonly ModelRow[]) {
  const left = [...sizes];
  let now = 0;
  const corpus = { count: async () => left.shift() ?? 0, read: async () => [] };
  const watch = new CorpusWatch(corpus, () => now);
  const found: (number | undefined)[] = [];
  while (left.length > 0) {
    found.push(await watch.refitSize(models));
    now += 60_000;
  }
  return found;
}

test("a corpus of 200 texts that has settled gets a fitted model", async () => {
  assert.deepEqual(await rounds([199, 199, 200, 200], [model()]), [undefined, undefined, 200, 200]);
});

test("while the corpus grows fast nothing is fitted", async () => {
  assert.deepEqual(await rounds([300, 400, 500, 505], [model()]), [
    undefined,
    undefined,
    undefined,
    505,
  ]);
});

test("a fitted model is replaced after the corpus has grown by a fifth", async () => {
  const fitted = model({ kind: "lsa", corpus_texts: 1_000 });
  assert.deepEqual(await rounds([1_199, 1_199, 1_200], [fitted]), [undefined, undefined, 1_200]);
});

test("neither a model that people added is replaced, nor any while another one is being filled", async () => {
  const added = model({ automatic: false });
  assert.deepEqual(await rounds([500, 500], [added]), [undefined, undefined]);
  const building = model({ id: "next", state: "building" });
  assert.deepEqual(await rounds([500, 500], [model(), building]), [undefined, undefined]);
});
