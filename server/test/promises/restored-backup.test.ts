/**
 * Promise: a position holds in a restored base backup exactly if the backup has what it shows. PostgreSQL empties
 * unlogged tables in such a backup, in crash recovery and on a promoted standby, and keeps them over a clean restart:
 * what `log.incarnation()` builds on, tried on the real server.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chown, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import { createTestFolder, startTestServer, type TestServer } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { startEmbeddedPostgres } from "../../src/adapters/postgres/embedded.ts";
import { openPool, type Pool } from "../../src/adapters/postgres/pool.ts";
import { createLiveLog } from "../../src/parts/log/live-log.ts";

test("a restored base backup is a new incarnation, in which positions hold up to the backup's end", async (t) => {
  const server = await startTestServer(t, { durable: false });
  const log = createLiveLog(server.app);
  const before = await log.now({});
  const folder = await createTestFolder(t);
  await takeBackup(server, folder);
  const after = await log.now({});
  assert.equal(after.incarnation, before.incarnation);

  await withServer(folder, async (restored) => {
    const later = createLiveLog(restored);
    const now = await later.now({});
    assert.notEqual(now.incarnation, before.incarnation);
    assert.equal(await later.survived(before.incarnation, before.written, {}), true);
    assert.equal(await later.survived(after.incarnation, after.written, {}), false);
    assert.equal(await later.survived(now.incarnation, now.written, {}), true);
  });
});

test("an incarnation outlives a clean restart, and ends with a crash", async (t) => {
  const server = await startTestServer(t);
  const log = createLiveLog(server.app);
  const first = await log.now({});
  await server.restart();
  const second = await retried(() => log.now({}));
  assert.equal(second.incarnation, first.incarnation);
  await server.kill9();
  await server.restart();
  const third = await retried(() => log.now({}));
  assert.notEqual(third.incarnation, first.incarnation);
  // all of it was on disk
  for (const { incarnation, written } of [first, second]) {
    assert.equal(await log.survived(incarnation, written, {}), true);
  }
});

/** As `pg_basebackup` does, which is not among the embedded programs. `cp -a` keeps the owner. */
async function takeBackup({ dataDir, urls }: TestServer, folder: string): Promise<void> {
  const client = new pg.Client({ connectionString: urls.owner });
  await client.connect();
  try {
    await client.query("select pg_backup_start('test', true)");
    const cluster = join(folder, "cluster");
    const source = join(dataDir, "cluster", "data");
    const { uid, gid } = await stat(source);
    await mkdir(cluster);
    await chown(cluster, uid, gid);
    execFileSync("cp", ["-a", source, cluster]);
    const { rows } = await client.query<{ label: string }>(
      "select labelfile as label from pg_backup_stop(false)",
    );
    const data = join(cluster, "data");
    execFileSync("cp", ["-a", join(source, "pg_wal"), data]);
    await rm(join(data, "postmaster.pid"));
    const label = join(data, "backup_label");
    await writeFile(label, rows[0]?.label ?? "");
    await chown(label, uid, gid);
  } finally {
    await client.end();
  }
}

async function withServer(dataDir: string, work: (database: Pool) => Promise<void>): Promise<void> {
  await using server = await startEmbeddedPostgres({ dataDir, durable: false });
  await using database = openPool({ url: server.url, applicationName: "restored", max: 2 });
  await work(database);
}

/** The pool's connections were cut. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  return until(() => work().catch(() => undefined), { what: "PostgreSQL to answer" });
}
