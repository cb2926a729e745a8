import assert from "node:assert/strict";
import { test } from "node:test";
import { type CleanUp, createTestDatabase } from "../../../../testing/database.ts";
import { EmbeddingError } from "../../core/ports/embedder.ts";
import { createEmbedderShelf } from "./embedder-shelf.ts";
import { addModel } from "./model-store.ts";
import type { StoredModel } from "./ports.ts";
import { forgetModel } from "./remove-models.ts";

/** A shelf whose embedders are called as their settings say. */
async function createShelf(t: CleanUp, names: readonly string[]) {
  const { app } = await createTestDatabase(t);
  for (const id of names) {
    const settings = { name: id === "changed" ? "changed-since" : id };
    await addModel(
      app,
      {
        id,
        kind: "transformer",
        dimension: 2,
        file: null,
        settings,
        automatic: false,
        corpusTexts: null,
        wanted: id === "live",
      },
      ["products"],
    );
  }
  const opened: string[] = [];
  const closed: string[] = [];
  const shelf = createEmbedderShelf(app, async (stored: StoredModel) => {
    assert.ok(stored.kind === "transformer");
    const modelId = String(stored.settings["name"]);
    opened.push(modelId);
    return {
      modelId,
      dimension: 2,
      worthKeeping: false,
      embed: async (texts) => texts.map(() => Float32Array.of(1, 0)),
      close: async () => {
        closed.push(modelId);
      },
    };
  });
  t.after(() => shelf.close());
  return { app, shelf, opened, closed };
}

test("an embedder is opened once, and closed when its model is gone and another one is opened", async (t) => {
  const { app, shelf, opened, closed } = await createShelf(t, ["live", "a", "b", "c"]);
  const [first, second] = await Promise.all([shelf.open("a"), shelf.open("a")]);
  assert.equal(first, second);
  await shelf.open("b");
  assert.deepEqual(opened, ["a", "b"]);
  await forgetModel(app, "a");
  await shelf.open("c");
  assert.deepEqual(closed, ["a"]);
  await shelf.close();
  assert.deepEqual(closed.toSorted(), ["a", "b", "c"]);
});

test("a model that does not exist, or whose files have changed, cannot be opened, and is tried again", async (t) => {
  const { shelf, opened, closed } = await createShelf(t, ["live", "changed"]);
  await assert.rejects(shelf.open("nothing"), /there is no model nothing/);
  for (let attempt = 1; attempt <= 2; attempt++) {
    await assert.rejects(
      shelf.open("changed"),
      (error) => error instanceof EmbeddingError && error.retryable,
    );
    assert.equal(opened.length, attempt);
    assert.equal(closed.length, attempt);
  }
});
