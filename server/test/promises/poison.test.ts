/**
 * Promise: an event that cannot be processed is isolated at any place in its page: the other events are counted
 * as if it were not there, it alone becomes a dead letter, and after a correction it is counted once.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CleanUp, TestDatabase } from "../../../testing/database.ts";
import { makeId, makeRandom } from "../../../testing/random.ts";
import { until } from "../../../testing/until.ts";
import { coldStartModel } from "../../src/adapters/embeddings/embedders.ts";
import type { Database, Queryable } from "../../src/core/ports/database.ts";
import { addModel } from "../../src/parts/models/model-store.ts";
import { createReplayer } from "../../src/parts/stream/dead-letters.ts";
import { createEtlDatabase } from "../helpers/etl/database.ts";
import type { LedgerEvent } from "../helpers/etl/window-oracle.ts";
import { createTestStream } from "../helpers/stream.ts";
import { expectedStream, storedStream } from "./stream-oracle.ts";

const pageEvents = 12;
const kinds = ["refused", "unreadable", "unstorable"] as const;
type Kind = (typeof kinds)[number];
const reasons = {
  refused: "embedding_refused",
  unreadable: "unreadable",
  unstorable: "not_storable",
};
const positions = {
  first: [0],
  middle: [6],
  last: [pageEvents - 1],
  several: [1, 2, 7, 10],
  all: Array.from({ length: pageEvents }, (_, n) => n),
};

const random = makeRandom(11);

/**
 * The other events share products and users with the poison. A poison is the newest event of its product: an
 * older text is never written, and does no harm.
 */
function event(n: number, isPoison: boolean): LedgerEvent {
  return {
    id: makeId(random),
    service: 1,
    type: n % 3 === 0 ? "purchase" : "product.view",
    action: n % 3 === 0 ? "purchase" : "view",
    at: Math.floor(Date.now() / 1_000) * 1_000 - n * 1_000 + (isPoison ? 60_000 : 0),
    user: `u${n % 3}`,
    product: `p${n % 4}`,
    amount: null,
    currency: null,
    items: null,
  };
}

for (const [place, poisoned] of Object.entries(positions)) {
  for (const first of kinds) {
    test(`poison in a page (${place}, ${first}): the others are right, it alone is a dead letter, corrected it counts once`, (t) =>
      poison(t, poisoned, first));
  }
}

async function poison(t: CleanUp, poisoned: readonly number[], first: Kind): Promise<void> {
  const stage = await createStage(t);
  const page = Array.from({ length: pageEvents }, (_, n) => event(n, poisoned.includes(n)));
  const kindAt = new Map(poisoned.map((at, n) => [at, kindOf(first, n)]));
  await append(stage.database, page, kindAt);
  await stage.settled();
  await until(() => stage.pages.length > 0, { what: "the page to be reported" });
  assert.deepEqual(
    stage.pages.map(({ events }) => events),
    [pageEvents],
    "all of them in one page",
  );

  const healthy = page.filter((_, at) => !kindAt.has(at));
  assert.deepEqual(await storedStream(stage.database), expectedStream(healthy));
  const deadLetters = await stage.deadLetters();
  const expected = poisoned.map((at) => {
    const kind = kindAt.get(at) as Kind;
    return [page[at]?.id, reasons[kind], payloadOf(page[at] as LedgerEvent, kind)];
  });
  const found = deadLetters.map(({ source, reason, original }) => [
    source.eventId,
    reason,
    original.toString(),
  ]);
  assert.deepEqual(found.sort(), expected.sort());

  for (const deadLetter of deadLetters) {
    const corrected = page.find(({ id }) => id === deadLetter.source.eventId) as LedgerEvent;
    const edited = Buffer.from(payloadOf(corrected, undefined));
    const replayed = await stage.database.app.transaction((connection) =>
      stage.replayer.replay(connection, { ...deadLetter, edited }),
    );
    assert.deepEqual(replayed, { ok: true });
  }
  assert.deepEqual(await storedStream(stage.database), expectedStream(page));
}

test("control: a page that fails as a whole takes the other events with it", async (t) => {
  const stage = await createStage(t, withoutSavepoints);
  const page = Array.from({ length: pageEvents }, (_, n) => event(n, n === 6));
  await append(stage.database, page, new Map([[6, "unstorable"]]));
  await until(() => stage.errors.length >= 2, { what: "the page to be tried again" });
  const healthy = page.filter((_, at) => at !== 6);
  assert.notDeepEqual(await storedStream(stage.database), expectedStream(healthy));
  assert.equal((await stage.deadLetters()).length, 0);
});

/** The kinds in turn, beginning with `first`. */
function kindOf(first: Kind, n: number): Kind {
  return kinds[(kinds.indexOf(first) + n) % kinds.length] as Kind;
}

async function createStage(t: CleanUp, wrap?: (database: Database) => Database) {
  const database = await createEtlDatabase(t);
  await database.owner.query({
    text: "alter table stream.products add constraint no_poison check (name not like 'UNSTORABLE%')",
  });
  const model = coldStartModel(new Date(0), 32);
  await addModel(
    database.app,
    {
      ...model,
      kind: "random-projection",
      settings: {},
      automatic: true,
      corpusTexts: 0,
      wanted: true,
    },
    ["products", "users"],
  );
  const stream = createTestStream(t, database, {
    refuse: (text) => text.startsWith("REFUSED"),
    ...(wrap === undefined ? {} : { wrap }),
  });
  stream.start({ pageEvents, beside: [] });
  return {
    ...stream,
    replayer: createReplayer(stream.processor),
    deadLetters: () =>
      database.app.query<{ source: { eventId: string }; reason: string; original: Buffer }>({
        text: "select source, reason, original from dlq.letters",
      }),
  };
}

/** Without them a failed attempt fails the whole transaction. */
function withoutSavepoints(database: Database): Database {
  const wrapped = (connection: Queryable): Queryable => ({
    query: (statement, options) =>
      statement.text.includes("savepoint attempt")
        ? Promise.resolve([])
        : connection.query(statement, options),
  });
  return {
    ...database,
    transaction: (work, options) =>
      database.transaction((connection) => work(wrapped(connection)), options),
  };
}

/** The bytes of the event in the log: of a healthy one without a kind. */
function payloadOf({ id, type, user, product }: LedgerEvent, kind: Kind | undefined): string {
  if (kind === "unreadable") return `{"event_id":"${id}","product":{"id":`;
  const prefix = kind === undefined ? "" : `${kind.toUpperCase()} `;
  return JSON.stringify({
    event_id: id,
    event_type: type,
    user_id: user,
    product: {
      id: product,
      name: `${prefix}Mug ${product} ${kind === undefined ? "" : id}`.trim(),
    },
  });
}

async function append(
  database: TestDatabase,
  page: readonly LedgerEvent[],
  kindAt: ReadonlyMap<number, Kind>,
): Promise<void> {
  await database.owner.query({
    text: `insert into raw.events
             (service_id, format, event_id, occurred_at, user_key, product_key, event_type, payload)
           select 1, 0, id, to_timestamp(at / 1000.0), who, product, type, payload
           from unnest($1::uuid[], $2::float8[], $3::text[], $4::text[], $5::text[], $6::text[])
             as e (id, at, who, product, type, payload)`,
    values: [
      page.map(({ id }) => id),
      page.map(({ at }) => at),
      page.map(({ user }) => user),
      page.map(({ product }) => product),
      page.map(({ type }) => type),
      page.map((about, at) => payloadOf(about, kindAt.get(at))),
    ],
  });
  await database.owner.query({ text: "notify weir_raw" });
}
