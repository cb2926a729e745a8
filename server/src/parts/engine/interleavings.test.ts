/** Two engines, any order of events: every event is folded once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestDatabase } from "../../../../testing/database.ts";
import { makeRandom } from "../../../../testing/random.ts";
import { appendEvents } from "../../../test/helpers/etl/append-events.ts";
import { createEtlDatabase, mutate } from "../../../test/helpers/etl/database.ts";
import { makeLedger } from "../../../test/helpers/etl/make-ledger.ts";
import { holdOpen, type OpenTransaction } from "../../../test/helpers/etl/open-transaction.ts";
import { type Folded, SparkJob, Topic } from "../../../test/helpers/etl/spark-model.ts";
import {
  differences,
  expectedLines,
  type LedgerEvent,
  storedLines,
} from "../../../test/helpers/etl/window-oracle.ts";
import { audit } from "../etl/audit.ts";
import { executeNextRun, requestRerun } from "../etl/reruns.ts";
import { runStep } from "../etl/step.ts";

const rounds = Number(process.env["WEIR_TEST_ENGINE_ROUNDS"] ?? 2);
const moves = 60;

for (let round = 1; round <= rounds; round++) {
  test(`events are folded once, whichever engine folds them, dies or is replaced (${round})`, async (t) => {
    const database = await createEtlDatabase(t);
    const ledger = await play(database, round);
    assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
    const found = [];
    for await (const report of audit(database.app)) {
      if (report.kind === "difference") found.push(report);
    }
    assert.deepEqual(found, []);
    const [left] = await database.owner.query({
      text: "select count(*)::int as folded from engine.folded",
    });
    assert.deepEqual(left, { folded: 0 }, "the position covers everything");
  });
}

const mistakes = [
  {
    what: "does not look at what Spark has folded",
    in: "etl.read_batch(pg_snapshot, pg_snapshot, timestamptz, integer)",
    from: "where not has_folded or",
    to: "where true or",
  },
  {
    what: "folds every message",
    in: "engine.read_batch(uuid[], pg_snapshot, timestamptz)",
    from: 's.token = any (tokens) and not pg_visible_in_snapshot(s.xid, "position")',
    to: "s.token = any (tokens)",
  },
  {
    what: "moves the position over everything that Spark could see",
    in: "engine.advance(log.readers, integer)",
    from: "and u.xid >= pg_snapshot_xmax(reached)) as high",
    to: "and false) as high",
  },
];

for (const { what, ...mutation } of mistakes) {
  test(`control: an engine that ${what} is found out`, async (t) => {
    const database = await createEtlDatabase(t);
    await mutate(database.owner, mutation);
    await assert.rejects(async () => {
      const ledger = await play(database, 1);
      assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
    }, assert.AssertionError);
  });
}

/** Plays random moves, then lets an engine finish; returns every event that was committed. */
async function play(database: TestDatabase, seed: number): Promise<LedgerEvent[]> {
  const random = makeRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pending = makeLedger(seed + 100, 2_000).filter(
    ({ at }) => at > Date.now() - 6 * 86_400_000,
  );
  const ledger: LedgerEvent[] = [];
  const topic = new Topic(3);
  const job = new SparkJob(database.owner, topic);
  const open: OpenTransaction[] = [];
  const positions = ["1:1:"];
  let engine = "builtin";
  const use = async (next: string) => {
    engine = next;
    await database.owner.query({ text: "select engine.use($1, 'test')", values: [next] });
    if (next === "spark") await job.begin();
  };
  const append = async () => {
    const events = pending.splice(0, 1 + below(40));
    await appendEvents(database.ingest, events);
    ledger.push(...events);
  };
  const batch = async () => {
    const staged = await job.stage(topic.partitions.map(() => below(2) * below(120)));
    const fate = random();
    // the driver dies before it folds, or after that and before it commits its offsets
    if (fate < 0.15) return;
    const folding = job.fold(staged);
    if (engine === "builtin") return assert.rejects(folding, { code: "WF001" });
    const { staged: sent, folded, known, gone }: Folded = await folding;
    assert.equal(folded + known + gone, sent);
    if (fate < 0.3) job.rewind(topic.partitions.map(() => below(80)));
  };
  const choices: readonly (readonly [number, () => Promise<unknown>])[] = [
    [5, append],
    [6, batch],
    [4, () => step(database, 1 + below(150))],
    [3, () => topic.relay(database.owner)],
    [1, () => topic.relay(database.owner, positions[below(positions.length)])],
    [2, () => use(engine === "builtin" ? "spark" : "builtin")],
    [0.5, async () => void (engine === "spark" && (await job.begin()))],
    [
      1,
      async () => {
        // each holds a connection of the pool
        if (open.length === 2) return;
        const events = pending.splice(0, 1 + below(20));
        const transaction = holdOpen(database.ingest, events);
        await transaction.written;
        open.push(transaction);
      },
    ],
    [
      1.5,
      async () => {
        const transaction = open.splice(below(open.length), 1)[0];
        if (transaction === undefined) return;
        const commits = random() < 0.7;
        if (commits) transaction.commit();
        else transaction.rollBack();
        await transaction.done;
        if (commits) ledger.push(...transaction.events);
      },
    ],
    [0.5, () => rerun(database, ledger[below(ledger.length)])],
  ];
  const dice = choices.flatMap(([weight, play]) => Array.from({ length: 2 * weight }, () => play));
  for (let move = 0; move < moves; move++) {
    const play = dice[below(dice.length)];
    await play?.();
    positions.push(topic.position);
  }
  for (const transaction of open) {
    transaction.rollBack();
    await transaction.done;
  }
  await append();
  await topic.relay(database.owner);
  await use(seed % 2 === 0 ? "builtin" : "spark");
  if (engine === "builtin") {
    while ((await runStep(database.app, { epoch: 0, maxEvents: 100 })).more) {}
    await step(database, 1_000);
  } else {
    // one batch more moves the position over transactions that were rolled back
    for (let n = 0; n < 2; n += job.isAtEnd ? 1 : 0) {
      await job.fold(await job.stage(topic.partitions.map(() => 100)));
    }
  }
  return ledger;
}

async function step(database: TestDatabase, maxEvents: number): Promise<void> {
  await runStep(database.app, { epoch: 0, maxEvents });
}

/** Nothing is wrong, so nothing may change. */
async function rerun(database: TestDatabase, event: LedgerEvent | undefined): Promise<void> {
  if (event === undefined) return;
  const start = new Date(Math.floor(event.at / 3_600_000) * 3_600_000);
  await requestRerun(database.app, { size: "hour", start, requestedBy: "test" });
  await executeNextRun(database.app, 0, new AbortController().signal);
  const [run] = await database.app.query<{ state: string; changed: boolean }>({
    text: "select state, changed from etl.window_runs order by id desc limit 1",
  });
  assert.deepEqual(run, { state: "done", changed: false });
}
