import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../../../../testing/database.ts";
import { idOf, randomFrom } from "../../conformance/filter.ts";
import { type CacheRead, readCache, writeCache } from "./cache.ts";
import { IndexCollection } from "./collection.ts";

const dimension = 8;
const identity = "collection 1";

function make(): IndexCollection {
  return new IndexCollection(dimension, ["n"]);
}

function filled(points: number): IndexCollection {
  const random = randomFrom(5);
  const index = make();
  for (let n = 0; n < points; n++) {
    const vector = Float32Array.from({ length: dimension }, () => random() - 0.5);
    index.put(idOf(`${n}`), vector, JSON.stringify({ n, name: `ürün ${n}` }));
  }
  return index;
}

function contents(index: IndexCollection): string {
  const points = [...index.entries()].map(({ id, vector, payload }) => [id, [...vector], payload]);
  return JSON.stringify(points.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
}

test("a cache file comes back as it was, with its position", async (t) => {
  const file = join(await createTestFolder(t), "c.points");
  const index = filled(500);
  const { bytes } = await writeCache(index, { file, identity, position: "7:9:8" });
  assert.equal((await readFile(file)).length, bytes);
  const found = await readCache({ file, identity }, make);
  assert.equal(found.position, "7:9:8");
  assert.equal(contents(found.collection as IndexCollection), contents(index));
  const filter = { must: [{ key: "n", range: { lt: 100 } }] };
  assert.equal(found.collection?.count(filter), 100);
});

test("a file of another collection or version is refused, a missing one is no reason", async (t) => {
  const folder = await createTestFolder(t);
  const file = join(folder, "c.points");
  await writeCache(filled(3), { file, identity, position: "1:1:" });
  const other = await readCache({ file, identity: "collection 2" }, make);
  assert.match(other.refused ?? "", /another collection/);
  const missing = await readCache({ file: join(folder, "none"), identity }, make);
  assert.deepEqual(missing, { position: undefined, refused: undefined });
});

test("a write that fails leaves the file before and no draft", async (t) => {
  const folder = await createTestFolder(t);
  const file = join(folder, "c.points");
  await writeCache(filled(3), { file, identity, position: "1:1:" });
  const broken = {
    *entries() {
      yield* filled(2).entries();
      throw new Error("no memory");
    },
  } as unknown as IndexCollection;
  await assert.rejects(writeCache(broken, { file, identity, position: "2:2:" }), /no memory/);
  assert.deepEqual(await readdir(folder), ["c.points"]);
  assert.equal((await readCache({ file, identity }, make)).position, "1:1:");
});

/** Truncates at several lengths, then flips a bit at many places; returns how many were accepted. */
async function damage(
  folder: string,
  options: { readonly ignoreChecksum: boolean },
): Promise<{ readonly tried: number; readonly wrong: number; readonly refused: number }> {
  const file = join(folder, "c.points");
  const index = filled(40);
  await writeCache(index, { file, identity, position: "7:9:8" });
  const good = await readFile(file);
  const whole = contents(index);
  const damaged: Buffer[] = [];
  for (const part of [0, 0.01, 0.1, 0.5, 0.9, 0.999]) {
    damaged.push(good.subarray(0, Math.floor(good.length * part)));
  }
  damaged.push(good.subarray(0, -1), good.subarray(0, -32), good.subarray(0, -33));
  damaged.push(Buffer.concat([good, Buffer.from([0])]));
  for (let at = 0; at < good.length; at += 97) {
    const flipped = Buffer.from(good);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    damaged.push(flipped);
  }
  let [wrong, refused] = [0, 0];
  for (const bytes of damaged) {
    await writeFile(file, bytes);
    const found: CacheRead = await readCache({ file, identity }, make, options);
    if (found.collection === undefined) refused += found.refused === undefined ? 0 : 1;
    else if (contents(found.collection) !== whole || found.position !== "7:9:8") wrong++;
  }
  return { tried: damaged.length, wrong, refused };
}

test("a truncated or changed file is never used, and it is said why", async (t) => {
  const { tried, wrong, refused } = await damage(await createTestFolder(t), {
    ignoreChecksum: false,
  });
  assert.ok(tried > 50);
  assert.deepEqual({ wrong, refused }, { wrong: 0, refused: tried });
});

test("control: without the checksum changed files are used", async (t) => {
  const { wrong } = await damage(await createTestFolder(t), { ignoreChecksum: true });
  assert.ok(wrong > 20, `${wrong} wrong`);
});
