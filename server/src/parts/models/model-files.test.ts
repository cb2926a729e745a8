import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { createOlderDatabase } from "../../../../testing/older-database.ts";
import { migrate } from "../../adapters/postgres/migrate.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { Stillness } from "../../core/stillness.ts";
import { readModelFile, removeStrayFiles, writeModelFile } from "./model-files.ts";
import { addModel } from "./model-store.ts";
import { forgetModel } from "./remove-models.ts";

const piece = 256 * 1024;

const model = (id: string, file: Uint8Array) => ({
  id,
  kind: "lsa" as const,
  dimension: 2,
  file,
  settings: {},
  automatic: true,
  corpusTexts: 1,
  wanted: true,
});

async function fileIds(database: Queryable): Promise<string[]> {
  const rows = await database.query<{ file_id: string }>({
    text: "select distinct file_id from vectors.model_files order by file_id",
  });
  return rows.map((row) => row.file_id);
}

test("a file of any length is read as it was written", async (t) => {
  const { app } = await createTestDatabase(t);
  for (const length of [0, 1, piece - 1, piece, piece + 1, 3 * piece + 17]) {
    const file = new Uint8Array(randomBytes(length));
    const stored = await writeModelFile(app, file);
    assert.equal(stored.bytes, length);
    assert.deepEqual(await readModelFile(app, stored), file);
  }
});

test("a model's file is removed with it, and the file of a model that already exists at once", async (t) => {
  const { app } = await createTestDatabase(t);
  await addModel(app, model("live", new Uint8Array(20 * piece)), ["products"]);
  const [kept] = await fileIds(app);
  await addModel(app, model("live", new Uint8Array(2 * piece)), ["products"]);
  assert.deepEqual(await fileIds(app), [kept]);
  await addModel(app, { ...model("other", new Uint8Array(piece)), wanted: false }, ["products"]);
  assert.equal((await fileIds(app)).length, 2);
  assert.equal(await forgetModel(app, "other"), "removed");
  assert.deepEqual(await fileIds(app), [kept]);
});

test("pieces of an interrupted fit are removed after an hour, a file that is being written is kept", async (t) => {
  const { app, owner } = await createTestDatabase(t);
  await addModel(app, model("live", new Uint8Array(piece)), ["products"]);
  const old = await writeModelFile(app, new Uint8Array(40 * piece));
  let now = 0;
  const observed = new Stillness(() => now);
  await removeStrayFiles(app, observed);
  now += 3_600_000;
  // the observer's time counts, not the file's
  await owner.query({
    text: "update vectors.model_files set written_at = now() + interval '30 days'",
  });
  const fresh = await writeModelFile(app, new Uint8Array(piece));
  assert.equal((await fileIds(app)).length, 3);
  await removeStrayFiles(app, observed);
  const left = await fileIds(app);
  assert.equal(left.length, 2);
  assert.ok(left.includes(fresh.fileId) && !left.includes(old.fileId));
});

test("a file that an older version stored whole is the same in pieces", async (t) => {
  const { url, database } = await createOlderDatabase(t, "0026");
  const file = new Uint8Array(randomBytes(2 * piece + 5));
  await database.query({
    text: `insert into vectors.models (id, kind, dimension, file, automatic, state)
           values ('fitted', 'lsa', 2, $1, true, 'live'), ('asked', 'http', 2, null, false, 'ready')`,
    values: [Buffer.from(file)],
  });

  await migrate({ url });

  const models = await database.query<{ id: string; file_id: string; file_bytes: number }>({
    text: "select id, file_id, file_bytes from vectors.models where file_id is not null",
  });
  assert.deepEqual(
    models.map(({ id, file_bytes }) => [id, file_bytes]),
    [["fitted", file.length]],
  );
  const stored = { fileId: models[0]?.file_id ?? "", bytes: file.length };
  assert.deepEqual(await readModelFile(database, stored), file);
});
