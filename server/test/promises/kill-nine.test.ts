/**
 * Promises 1, 2 and 4: an acknowledged event survives kill -9 of Weir and of PostgreSQL under load,
 * is stored once, and the windows equal the log afterwards. The ledger is kept here, outside Weir.
 * WEIR_TEST_KILLS sets the number of kills.
 *
 * Control: the same run, with PostgreSQL answering commits before they are on disk, must lose events.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { readRunFile } from "../../src/process/run-file.ts";
import { compareWithLedger, type Ledger, sendUntilAborted } from "../helpers/ledger.ts";
import { runCommand, startWeir } from "../helpers/weir.ts";

const kills = Number(process.env["WEIR_TEST_KILLS"] ?? 6);
const senders = 4;

test(`${kills} kills under load: 0 lost, 0 twice, 0 phantoms, and the windows equal the log`, async (t) => {
  const { ledger, stored, audit } = await runWithKills(t, {
    victims: ["http", "postgres", "etl"],
    kills,
  });
  const found = `${ledger.acknowledged.size} acknowledged, ${stored.length} stored, ${kills} kills`;
  assert.ok(ledger.acknowledged.size >= 200 * kills, found);
  assert.deepEqual(compareWithLedger(ledger, stored), { lost: [], twice: [], phantoms: [] });
  assert.equal(audit.exitCode, 0, audit.output);
  t.diagnostic(found);
});

test("control: commits that are answered before they are on disk are lost by a kill", async (t) => {
  const { ledger, stored } = await runWithKills(t, {
    victims: ["postgres"],
    kills: 1,
    postgresSettings: [
      "synchronous_commit = off",
      "wal_writer_delay = '10s'",
      "wal_writer_flush_after = '1GB'",
      "commit_delay = 0",
    ],
  });
  assert.notDeepEqual(compareWithLedger(ledger, stored).lost, []);
});

test("control: the ledger notices a lost, a doubled and an invented event", () => {
  const ledger = { sent: new Set(["a", "b"]), acknowledged: new Set(["a", "b"]) };
  assert.deepEqual(compareWithLedger(ledger, ["a", "a", "c"]), {
    lost: ["b"],
    twice: ["a"],
    phantoms: ["c"],
  });
});

interface KillPlan {
  readonly victims: readonly string[];
  readonly kills: number;
  readonly postgresSettings?: readonly string[];
}

/** Sends all the time while Weir's processes and PostgreSQL are killed in turn and start again. */
async function runWithKills(t: TestContext, plan: KillPlan) {
  const dataDir = await createTestFolder(t);
  if (plan.postgresSettings !== undefined) {
    // A first start makes the cluster; its own settings file is then read by the second.
    await (await startWeir(t, { dataDir })).stop();
    const file = join(dataDir, "postgres", "cluster", "data", "local.conf");
    writeFileSync(file, `${plan.postgresSettings.join("\n")}\n`);
  }
  const weir = await startWeir(t, { dataDir });
  const ledger: Ledger = { sent: new Set(), acknowledged: new Set() };
  const stop = new AbortController();
  t.after(() => stop.abort());
  const sending = Array.from({ length: senders }, () =>
    sendUntilAborted({
      url: weir.run.url,
      key: weir.adminKey,
      ledger,
      signal: stop.signal,
      makeId: randomUUID,
      batch: 20,
    }),
  );
  for (let kill = 0; kill < plan.kills; kill++) {
    const before = ledger.acknowledged.size;
    await until(() => ledger.acknowledged.size > before + 200, {
      what: () => `200 more events to be acknowledged before kill ${kill + 1}:\n${weir.output()}`,
      timeoutMs: 60_000,
    });
    const victim = plan.victims[kill % plan.victims.length] ?? "http";
    const pid = readRunFile(dataDir)?.pids[victim];
    assert.ok(pid !== undefined, `run.json names the process of ${victim}`);
    process.kill(pid, "SIGKILL");
    await until(() => readRunFile(dataDir)?.pids[victim] !== pid, {
      what: `${victim} to be started again`,
      timeoutMs: 60_000,
    });
  }
  stop.abort();
  await Promise.all(sending);
  return { ledger, stored: await storedIds(dataDir), audit: await audited(dataDir) };
}

async function storedIds(dataDir: string): Promise<string[]> {
  const url = readRunFile(dataDir)?.database_url ?? "";
  await using pool = openPool({ url, applicationName: "ledger", max: 1 });
  const rows = await until(
    () =>
      pool
        .query<{ id: string }>({
          text: "select coalesce(event_ref, event_id::text) as id from raw.events",
        })
        .catch(() => undefined),
    { what: "the raw log to be readable" },
  );
  return rows.map(({ id }) => id);
}

/** Once the worker has read everything, the independent recomputation must find no difference. */
async function audited(dataDir: string) {
  const url = readRunFile(dataDir)?.database_url ?? "";
  await using pool = openPool({ url, applicationName: "ledger", max: 1 });
  await until(
    async () => {
      const [row] = await pool
        .query<{ done: boolean }>({
          text: `select not exists (select from raw.events e, log.readers c
                   where c.name = 'windows' and not pg_visible_in_snapshot(e.xid, c.position)) as done`,
        })
        .catch(() => []);
      return row?.done === true;
    },
    { what: "the windows to catch up", timeoutMs: 60_000 },
  );
  return runCommand(["--data", dataDir, "audit"]);
}
