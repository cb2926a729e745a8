/**
 * Promise: a cache file of the index that is truncated or changed is rebuilt and never used. Whole
 * processes: Weir is stopped, the cache file is damaged, and when it is started again the answers are
 * the previous ones and the log says why the file was not used.
 *
 * Control: a build that does not look at the checksum answers from the changed file.
 */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { productName } from "../../../testing/product-name.ts";
import { until } from "../../../testing/until.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { uuidOfText } from "../../src/core/uuid.ts";
import { buildWith } from "../helpers/mutated-build.ts";
import { type RunningWeir, startWeir } from "../helpers/weir.ts";

const products = 400;
const users = 40;
const asked = 12;

interface Damage {
  readonly how: (file: Buffer) => Buffer;
  /** What the log says of it. */
  readonly reason: string;
}

const truncated = "it is truncated";
const changed = "its checksum is wrong";
const damages: Readonly<Record<string, Damage>> = {
  "cut in the header": { how: (file) => file.subarray(0, 20), reason: truncated },
  "cut in the middle": { how: (file) => file.subarray(0, file.length >> 1), reason: changed },
  "without its last byte": { how: (file) => file.subarray(0, -1), reason: changed },
  "a byte longer": { how: (file) => Buffer.concat([file, Buffer.alloc(1)]), reason: changed },
  empty: { how: () => Buffer.alloc(0), reason: truncated },
  "with one bit flipped": { how: flipBit, reason: changed },
  "with nonsense for a header": {
    how: (file) => Buffer.concat([Buffer.alloc(64, 0x7b), file.subarray(64)]),
    reason: changed,
  },
};

/** The sign of a component of the first product that is asked for: still a file that can be read. */
function flipBit(file: Buffer): Buffer {
  const flipped = Buffer.from(file);
  const entry = file.indexOf(uuidOfText(productKey(0)), 0, "latin1") + 36;
  const at = entry + 4 * largest(file, entry) + 3;
  flipped[at] = (flipped[at] ?? 0) ^ 0x80;
  return flipped;
}

/** Of the first components, so that its sign makes a difference. */
function largest(file: Buffer, at: number): number {
  const sizes = Array.from({ length: 16 }, (_, n) => Math.abs(file.readFloatLE(at + 4 * n)));
  return sizes.indexOf(Math.max(...sizes));
}

const productKey = (n: number): string => `product-${n}`;

/** A folder of a Weir that knows products and users, was asked for some, and stopped. */
async function prepare(t: TestContext) {
  const dataDir = await createTestFolder(t);
  const weir = await startWeir(t, { dataDir });
  const events = Array.from({ length: products }, (_, n) => ({
    event_type: "product.view",
    user_id: `user-${n % users}`,
    product: { id: productKey(n), name: productName(n), category: `shelf ${n % 7}` },
  }));
  const response = await fetch(`${weir.run.url}/api/events/batch`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": weir.adminKey },
    body: JSON.stringify(events),
  });
  assert.equal(response.status, 202);
  await untilSettled(weir);
  const answers = await ask(weir);
  assert.ok(
    answers.every((answer) => !answer.endsWith("[]")),
    "every question has answers",
  );
  await stop(weir);
  return { dataDir, answers, file: await cacheFile(dataDir) };
}

/** The model that was fitted on these products is live, and nothing waits to be written into points. */
async function untilSettled({ run }: RunningWeir): Promise<void> {
  await using pool = openPool({ url: run.database_url, applicationName: "test", max: 1 });
  await until(
    async () => {
      const [row] = await pool.query<{ settled: boolean }>({
        text: `select exists (select from vectors.models where state = 'live' and kind = 'lsa' and corpus_texts >= $1)
                 and (select count(*) from vectors.points p join vectors.aliases a on a.collection_id = p.collection_id
                      where p.deleted_at is null) = $1 + $2
                 and not exists (select from stream.stale) as settled`,
        values: [products, users],
      });
      return row?.settled === true;
    },
    { what: "the fitted model to be live and whole", timeoutMs: 60_000 },
  );
}

/** What is answered, one line for each question; without the source, which says how the index is. */
async function ask({ run, adminKey }: RunningWeir): Promise<string[]> {
  const headers = { "x-api-key": adminKey, "content-type": "application/json" };
  const get = async (path: string, body?: unknown): Promise<string> => {
    const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(`${run.url}${path}`, { headers, ...init });
    assert.equal(response.status, 200, `${path}: ${response.status}`);
    const { results } = (await response.json()) as { results: unknown };
    return `${path} ${JSON.stringify(body ?? null)}: ${JSON.stringify(results)}`;
  };
  const answers: string[] = [];
  for (let n = 0; n < asked; n++) {
    answers.push(
      await get(`/api/products/${productKey(n)}/similar?limit=20`),
      await get("/api/search", { text: productName(n), limit: 20 }),
      await get(`/api/users/user-${n}/recommendations?limit=20`),
    );
  }
  return answers;
}

async function stop(weir: RunningWeir): Promise<void> {
  assert.equal(await weir.stop(), 0, weir.output());
}

/** Of the products in the live model's space. Users are looked up in PostgreSQL and have no index. */
async function cacheFile(dataDir: string): Promise<string> {
  const folder = join(dataDir, "cache", "vectors");
  const names = (await readdir(folder)).filter((name) => name.includes("lsa"));
  assert.equal(names.length, 1, names.join());
  return join(folder, names[0] ?? "");
}

async function damage(file: string, how: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(file, how(await readFile(file)));
}

interface IndexEvent {
  readonly what: string;
  readonly collection: string;
  readonly from?: string;
  readonly reason?: string;
}

/** What the log says of the index since `offset`. */
async function indexEvents(dataDir: string, offset: number): Promise<IndexEvent[]> {
  const text = (await readFile(join(dataDir, "logs", "weir.log"))).subarray(offset).toString();
  return text
    .split("\n")
    .filter((line) => line.includes('"vector index"'))
    .map((line) => JSON.parse(line) as IndexEvent);
}

/** Starts it on the folder, asks, stops; what it answered and what its log says of the index. */
async function startAndAsk(t: TestContext, dataDir: string, main?: string) {
  const { length } = await readFile(join(dataDir, "logs", "weir.log"));
  const weir = await startWeir(t, { dataDir, ...(main === undefined ? {} : { main }) });
  const answers = await ask(weir);
  await stop(weir);
  const events = await indexEvents(dataDir, length);
  const said = (what: string) => events.filter((event) => event.what === what);
  return {
    answers,
    refused: said("cache_refused").map(({ reason }) => reason),
    loadedFrom: said("loaded").map(({ from }) => from),
  };
}

test("answers after a restart on a damaged cache equal those before, and the log says why it was rebuilt", async (t) => {
  const { dataDir, file, answers } = await prepare(t);
  const used = { answers, refused: [], loadedFrom: ["cache"] };
  assert.deepEqual(await startAndAsk(t, dataDir), used);
  for (const [name, { how, reason }] of Object.entries(damages)) {
    await t.test(name, async (each) => {
      await damage(file, how);
      const found = await startAndAsk(each, dataDir);
      assert.deepEqual(found, { answers, refused: [reason], loadedFrom: ["database"] });
    });
  }
  // what was rebuilt was written again, whole
  assert.deepEqual(await startAndAsk(t, dataDir), used);
});

test("control: a build that does not look at the checksum answers from a changed file", async (t) => {
  const { dataDir, file, answers } = await prepare(t);
  await damage(file, flipBit);
  const main = await buildWith(t, [
    {
      in: "adapters/vectors/embedded/index/cache.ts",
      from: "{ ignoreChecksum = false }",
      to: "{ ignoreChecksum = true }",
    },
  ]);
  const found = await startAndAsk(t, dataDir, main);
  assert.deepEqual(found.loadedFrom, ["cache"]);
  assert.notDeepEqual(found.answers, answers);
});
