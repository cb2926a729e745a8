/**
 * Promise: a crash of PostgreSQL costs no reader an event, also when it takes back transactions that were visible
 * already and gives their ids to others: sessions with `synchronous_commit = off` commit, everybody reads, and the
 * server crashes before the commits are on disk. `WEIR_TEST_CRASHES` is how often (100 in the full run).
 *
 * Control: the same with a single incarnation.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { makeId, makeRandom } from "../../../testing/random.ts";
import { until } from "../../../testing/until.ts";
import { audit } from "../../src/parts/etl/audit.ts";
import { appendEvents } from "../helpers/etl/append-events.ts";
import type { LedgerEvent } from "../helpers/etl/window-oracle.ts";
import { openReader, type Reader } from "../helpers/live-server.ts";
import {
  changePoints,
  copiedPoints,
  crash,
  crashes,
  indexedPoints,
  type Sessions,
  type Stage,
  setStage,
  truePoints,
} from "./crash-stage.ts";
import { expectedStream, storedStream, wrongPoints } from "./stream-oracle.ts";

const rounds = Number(process.env["WEIR_TEST_CRASHES"] ?? crashes.length);
/** Transactions before a crash that are to be lost, and after it that are to get their ids. */
const lostAtOnce = 8;
const keptAtOnce = 40;

test(`${rounds} crashes that give ids of lost transactions to others: every reader has every event`, {
  timeout: 120_000 + rounds * 20_000,
}, async (t) => {
  const run = await crashOften(t, rounds);
  t.diagnostic(describe(run));
  const { stage } = run;
  assert.ok(run.reused.size >= rounds, "the ids of lost events were given to kept ones");
  assert.ok(run.roundsHit.size >= Math.ceil(rounds * 0.9), "in nearly every round");
  for (const { name, reader } of run.readers) {
    assert.deepEqual(missing(run, reader), [], `the ${name} reader has every event`);
    assert.deepEqual(gaps(reader), [], `the ${name} reader saw no gap`);
  }
  assert.deepEqual(run.visitor.missing(run.kept), [], "the reader that comes back");
  assert.ok(run.visitor.gaps <= Math.ceil(rounds / 2), "with a settled cursor it saw no gap");
  const points = await truePoints(stage);
  assert.deepEqual(await settled(() => indexedPoints(stage), points), points, "the index");
  assert.deepEqual(await settled(() => copiedPoints(stage), points), points, "the copy");

  const ledger = [...run.sent.values()].filter(({ id }) => run.kept.has(id));
  const right = expectedStream(ledger);
  assert.deepEqual(await settled(() => storedStream(stage.server), right), right, "the stream");
  assert.deepEqual(await settled(() => wrongPoints(stage.server), []), [], "its points");
  await windowsRead(stage);
  for await (const report of audit(stage.server.app)) {
    assert.ok(report.kind === "day" && report.differences === 0, JSON.stringify(report));
  }
});

test("control: readers that do not know of incarnations miss events without a gap", async (t) => {
  const run = await crashOften(t, crashes.length, async ({ owner }) => {
    await owner.query({
      text: `create or replace function log.incarnation() returns text language sql stable as
             $$ select '0123456789abcdef' $$`,
    });
  });
  t.diagnostic(describe(run));
  const { stage, readers } = run;
  assert.ok(run.reused.size > 0);
  assert.ok(readers.some(({ reader }) => missing(run, reader).length > 0 && !gaps(reader).length));
  // A copy that reads before the new ids have passed its position notices that, and is right by luck.
  const points = await truePoints(stage);
  for (const read of [indexedPoints, copiedPoints]) {
    t.diagnostic(`${read.name}: ${same(await read(stage), points) ? "right by luck" : "wrong"}`);
  }
});

interface Run {
  readonly stage: Stage;
  readonly sent: Map<string, LedgerEvent>;
  /** Ids of the events that are in the log in the end. */
  kept: Set<string>;
  /** Transaction ids of lost events that every reader had seen, and of them those that kept events got. */
  readonly lost: Set<string>;
  readonly reused: Set<string>;
  readonly roundsHit: Set<number>;
  readonly readers: readonly { readonly name: string; readonly reader: Reader }[];
  readonly visitor: Visitor;
}

async function crashOften(
  t: TestContext,
  count: number,
  prepare?: Parameters<typeof setStage>[1],
): Promise<Run> {
  const stage = await setStage(t, prepare);
  const random = makeRandom(17);
  const [first, second] = stage.lives;
  const readers = [
    { name: "first", reader: await openReader(t, first) },
    { name: "second", reader: await openReader(t, second) },
  ];
  const visitor = new Visitor(t, stage);
  const run: Run = {
    stage,
    sent: new Map(),
    kept: new Set(),
    lost: new Set(),
    reused: new Set(),
    roundsHit: new Set(),
    readers,
    visitor,
  };
  await visitor.arrive();
  await visitor.leave([]);
  const points = await seedPoints(stage, count);
  for (let round = 0; round < count; round++) {
    const commit = (sessions: Sessions, transactions: number) =>
      send(run, { sessions, transactions, random, points });
    // every other time it leaves before what will be lost: then its cursor outlives the crash
    await visitor.arrive();
    const onDisk = await commit(stage.safe, 2);
    if (round % 2 === 1) await visitor.leave(onDisk);
    const unsafe = await commit(stage.unsafe, lostAtOnce);
    const areRead = () => readers.every(({ reader }) => hasAll(reader, unsafe));
    const what = "the events that will be lost to be read";
    if (prepare === undefined) await until(areRead, { what });
    // readers that are wrong may have passed the ids of these events too
    else await until(areRead, { what, timeoutMs: 3_000 }).catch(() => {});
    if (round % 2 === 0) await visitor.leave(unsafe);
    const follows = (read: typeof indexedPoints, patience: { readonly timeoutMs?: number }) =>
      until(async () => same(await read(stage), await truePoints(stage)), {
        what: "the points to be followed",
        ...patience,
      });
    // readers that are wrong will not; the copy may still be busy with the crash before
    const bounded = { timeoutMs: 3_000 };
    if (prepare === undefined) await follows(indexedPoints, {});
    else await follows(indexedPoints, bounded).catch(() => {});
    await follows(copiedPoints, bounded).catch(() => {});
    const seen = await xidsOf(stage, unsafe);
    await crash(stage, crashes[round % crashes.length] ?? "immediate shutdown");
    const safe = await commit(stage.safe, keptAtOnce);
    await noteIds(run, round, { unsafe, seen, safe });
    await visitor.arrive();
    await visitor.leave(safe.slice(-1));
  }
  run.kept = await storedIds(stage);
  for (const { reader } of readers) await caughtUp(run, reader, prepare !== undefined);
  return run;
}

/** One event and some changes of points per transaction, so that each takes an id; returns the events' ids. */
async function send(
  { stage, sent }: Run,
  about: {
    readonly sessions: Sessions;
    readonly transactions: number;
    readonly random: () => number;
    readonly points: string[];
  },
): Promise<string[]> {
  const { sessions, random, points } = about;
  const ids: string[] = [];
  for (let n = 0; n < about.transactions; n++) {
    const event = makeEvent(random);
    sent.set(event.id, event);
    ids.push(event.id);
    await appendEvents(sessions.ingest, [event]);
    const [changed = "", deleted = ""] = [points[0], points.pop()];
    if (n % 4 === 0) {
      await changePoints(sessions.app, stage.collectionId, { changed, deleted, n: sent.size });
    }
  }
  await sessions.ingest.query({ text: "notify weir_raw" });
  return ids;
}

function makeEvent(random: () => number): LedgerEvent {
  const actions = ["view", "view", "cart", "purchase"] as const;
  const types = { view: "product.view", cart: "add_to_cart", purchase: "purchase" } as const;
  const action = actions[Math.floor(random() * actions.length)] ?? "view";
  return {
    id: makeId(random),
    service: 1,
    type: types[action],
    action,
    at: Math.floor(Date.now() / 1_000) * 1_000 - Math.floor(random() * 300) * 60_000,
    user: `u${Math.floor(random() * 12)}`,
    product: `p${Math.floor(random() * 30)}`,
    amount: null,
    currency: null,
    items: null,
  };
}

/** Points to be changed and deleted, on disk. */
async function seedPoints({ safe, collectionId, index }: Stage, count: number): Promise<string[]> {
  const random = makeRandom(5);
  const ids = Array.from({ length: 100 + 60 * count }, () => makeId(random));
  const vector = Buffer.from(Float32Array.of(1, 0, 0, 0).buffer);
  await safe.app.query({
    text: "select vectors.put_points($1, $2::uuid[], $3::bytea[], $4::jsonb[])",
    values: [collectionId, ids, ids.map(() => vector), ids.map(() => '{"n":0}')],
  });
  await index.query("watched", { vector: Float32Array.of(1, 0, 0, 0), limit: 1 });
  return ids;
}

async function xidsOf({ server }: Stage, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await server.app.query<{ id: string; xid: string }>({
    text: "select event_id::text as id, xid::text as xid from raw.events where event_id = any ($1::uuid[])",
    values: [ids],
  });
  return new Map(rows.map(({ id, xid }) => [id, xid]));
}

async function noteIds(
  { stage, lost, reused, roundsHit }: Run,
  round: number,
  about: {
    readonly unsafe: readonly string[];
    readonly seen: ReadonlyMap<string, string>;
    readonly safe: readonly string[];
  },
): Promise<void> {
  const left = await xidsOf(stage, about.unsafe);
  const gone = new Set<string>();
  for (const id of about.unsafe) {
    const xid = about.seen.get(id);
    if (!left.has(id) && xid !== undefined) gone.add(xid);
  }
  for (const xid of gone) lost.add(xid);
  for (const xid of (await xidsOf(stage, about.safe)).values()) {
    if (!gone.has(xid)) continue;
    reused.add(xid);
    roundsHit.add(round);
  }
}

async function storedIds({ server }: Stage): Promise<Set<string>> {
  const rows = await server.app.query<{ id: string }>({
    text: "select event_id::text as id from raw.events",
  });
  return new Set(rows.map(({ id }) => id));
}

const idsOf = ({ events }: Reader) => new Set(events.map(({ event_id }) => event_id));

function hasAll(reader: Reader, ids: readonly string[]): boolean {
  const received = idsOf(reader);
  return ids.every((id) => received.has(id));
}

function missing({ kept }: Pick<Run, "kept">, reader: Reader): string[] {
  const received = idsOf(reader);
  return [...kept].filter((id) => !received.has(id));
}

function gaps({ frames }: Reader): string[] {
  return frames.flatMap((frame) => (frame.type === "gap" ? [frame.reason] : []));
}

/** Waits for what is missing: a control, which has to miss something, 3 s. */
async function caughtUp(run: Run, reader: Reader, isControl: boolean): Promise<void> {
  const patience = isControl ? { timeoutMs: 3_000 } : {};
  await until(() => missing(run, reader).length === 0, { what: "all", ...patience }).catch(
    () => {},
  );
}

const same = (left: readonly string[], right: readonly string[]) =>
  left.length === right.length && left.every((text, n) => text === right[n]);

/** Reads until it is as expected, or nothing changes any more. */
async function settled(
  read: () => Promise<string[]>,
  expected: readonly string[],
): Promise<string[]> {
  let last: string[] = [];
  await until(
    async () => {
      last = await read();
      return same(last, expected);
    },
    { what: "the same", timeoutMs: 60_000, everyMs: 200 },
  ).catch(() => {});
  return last;
}

async function windowsRead({ server }: Stage): Promise<void> {
  await until(
    async () => {
      const [row] = await server.app.query<{ done: boolean }>({
        text: `select not exists (select from raw.events e, log.readers c
                 where c.name = 'windows' and not pg_visible_in_snapshot(e.xid, c.position)) as done`,
      });
      return row?.done === true;
    },
    { what: "the windows to catch up" },
  );
}

/** A client that keeps its cursor, and is not connected during the crash. */
class Visitor {
  readonly #t: TestContext;
  readonly #stage: Stage;
  readonly #received = new Set<string>();
  /** Events that a gap may have cost: those that were in the log then. */
  readonly #excused = new Set<string>();
  #cursor: string | undefined;
  #reader: Reader | undefined;
  gaps = 0;

  constructor(t: TestContext, stage: Stage) {
    this.#t = t;
    this.#stage = stage;
  }

  /** Comes back with its cursor. */
  async arrive(): Promise<void> {
    const [live] = this.#stage.lives;
    const query = this.#cursor === undefined ? {} : { query: `cursor=${this.#cursor}` };
    this.#reader = await openReader(this.#t, live, query);
  }

  /** Leaves when it has these events, or has seen a gap. */
  async leave(ids: readonly string[]): Promise<void> {
    const reader = this.#reader;
    if (reader === undefined) return;
    await until(() => hasAll(reader, ids) || gaps(reader).length > 0, {
      what: "the returning reader to have the newest events, or to see a gap",
    });
    for (const { event_id } of reader.events) this.#received.add(event_id);
    if (gaps(reader).length > 0) {
      this.gaps++;
      for (const id of await storedIds(this.#stage)) this.#excused.add(id);
    }
    this.#cursor = reader.cursor();
    reader.socket.terminate();
  }

  missing(kept: ReadonlySet<string>): string[] {
    return [...kept].filter((id) => !this.#received.has(id) && !this.#excused.has(id));
  }
}

function describe({ sent, kept, lost, reused, roundsHit, readers, visitor }: Run): string {
  const seen = readers.map(({ reader }) => gaps(reader).length).join(" and ");
  return `${sent.size} events sent, ${kept.size} kept, ${lost.size} transactions lost after they were seen, ${reused.size} of their ids given to kept events in ${roundsHit.size} rounds; gaps: ${seen}, ${visitor.gaps} for the returning reader`;
}
