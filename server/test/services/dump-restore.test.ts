/**
 * A database that is dumped and restored to another cluster with PostgreSQL's own programs. There transaction ids begin
 * again: after `migrate` every reader continues with exactly what it had not processed, and before it nothing is read.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder, startTestServer, type TestServer } from "../../../testing/database.ts";
import { makeId, makeRandom } from "../../../testing/random.ts";
import { startEmbeddedPostgres } from "../../src/adapters/postgres/embedded.ts";
import { migrate } from "../../src/adapters/postgres/migrate.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import type { Queryable } from "../../src/core/ports/database.ts";
import { audit } from "../../src/parts/etl/audit.ts";
import { defaultEventTypeMapping, syncEventTypeMapping } from "../../src/parts/etl/event-types.ts";
import { runStep } from "../../src/parts/etl/step.ts";
import { appendEvents } from "../helpers/etl/append-events.ts";

const folder = process.env["WEIR_TEST_PG_BIN"] ?? "";

function missingPrograms(): string | undefined {
  try {
    const found = execFileSync(join(folder, "pg_dump"), ["--version"], { encoding: "utf8" });
    if (Number(/ (\d+)/.exec(found)?.[1]) >= 18) return undefined;
  } catch {
    // none on the PATH
  }
  const problem =
    "SKIPPED: dump and restore need pg_dump and psql 18: name their folder in WEIR_TEST_PG_BIN";
  if (process.env["CI"] === "true") throw new Error(problem);
  process.stderr.write(`${problem}\n`);
  return problem;
}

const random = makeRandom(9);

async function write(connection: Queryable, count: number): Promise<void> {
  const events = Array.from({ length: count }, () => ({
    id: makeId(random),
    service: 1,
    type: "product.view",
    action: "view" as const,
    at: Math.floor(Date.now() / 1_000) * 1_000,
    user: `u${Math.floor(random() * 20)}`,
    product: `p${Math.floor(random() * 9)}`,
    amount: null,
    currency: null,
    items: null,
  }));
  await appendEvents(connection, events);
}

async function prepare(t: TestContext): Promise<TestServer> {
  const server = await startTestServer(t, { durable: false });
  await server.owner.query({ text: "select raw.prepare_days(1)" });
  await server.app.query({
    text: "select etl.ensure_facts_partitions((now() - interval '10 days')::date, (now() + interval '2 days')::date)",
  });
  await syncEventTypeMapping(server.app, defaultEventTypeMapping);
  // ids that the new cluster has not reached after the restore
  for (let n = 0; n < 2_000; n++) {
    await server.owner.query({ text: "select pg_current_xact_id()" });
  }
  return server;
}

const skip = missingPrograms() ?? false;

test("a restored dump: nothing is read before migrate, and nothing is lost or counted twice after it", {
  skip,
}, async (t) => {
  const server = await prepare(t);
  for (let n = 0; n < 20; n++) await write(server.ingest, 10);
  assert.equal((await runStep(server.app, { epoch: 0, maxEvents: 1_000 })).events, 200);
  await write(server.ingest, 30);
  const dump = execFileSync(join(folder, "pg_dump"), [server.urls.owner], { maxBuffer: 2 ** 30 });

  const dataDir = await createTestFolder(t);
  await using target = await startEmbeddedPostgres({ dataDir, durable: false });
  await using database = openPool({ url: target.url, applicationName: "restored", max: 2 });
  await database.query({ text: "create role weir_app" });
  await database.query({ text: "create role weir_ingest" });
  await database.query({ text: "create role weir_spark" });
  execFileSync(join(folder, "psql"), ["-v", "ON_ERROR_STOP=1", "-q", target.url], {
    input: dump,
    stdio: ["pipe", "ignore", "inherit"],
  });
  const step = () => runStep(database, { epoch: 0, maxEvents: 1_000 });
  await assert.rejects(step(), { code: "WF004" });
  assert.equal((await migrate({ url: target.url })).adopted, true);
  assert.equal((await migrate({ url: target.url })).adopted, false);
  await write(database, 5);
  assert.equal((await step()).events, 35);
  for await (const report of audit(database)) {
    assert.ok(report.kind === "day" && report.differences === 0, JSON.stringify(report));
    assert.equal(report.events, 235);
  }
});
