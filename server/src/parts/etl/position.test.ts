/** The position of the ETL in the log: transactions that were open when it was written are read later. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { TestDatabase } from "../../../../testing/database.ts";
import { appendEvents } from "../../../test/helpers/etl/append-events.ts";
import { createEtlDatabase } from "../../../test/helpers/etl/database.ts";
import { holdOpen } from "../../../test/helpers/etl/open-transaction.ts";
import type { LedgerEvent } from "../../../test/helpers/etl/window-oracle.ts";
import { runStep } from "./step.ts";

test("a transaction that was open while others were read is read after its commit", async (t) => {
  const database = await createEtlDatabase(t);
  const open = holdOpen(database.ingest, views(3));
  await open.written;
  await appendEvents(database.ingest, views(2));
  assert.equal(await step(database, 100), 2, "it does not delay the others");
  await appendEvents(database.ingest, views(4));
  assert.equal(await step(database, 100), 4, "the position has moved over it twice");
  open.commit();
  await open.done;
  assert.equal(await step(database, 100), 3);
  assert.equal(await step(database, 100), 0, "and only once");
});

test("a transaction that was open in the middle of a backlog is read after its commit", async (t) => {
  const database = await createEtlDatabase(t);
  await appendEvents(database.ingest, views(2));
  const early = holdOpen(database.ingest, views(3));
  await early.written;
  await appendEvents(database.ingest, views(4));
  const late = holdOpen(database.ingest, views(5));
  await late.written;
  await appendEvents(database.ingest, views(6));
  // a page of the backlog ends before, between and after the open ones
  assert.equal(await step(database, 1), 2);
  assert.equal(await step(database, 1), 4);
  early.commit();
  await early.done;
  assert.equal(await step(database, 1), 3 + 6, "below the position, so beside the next page");
  late.commit();
  await late.done;
  assert.equal(await step(database, 1), 5);
  assert.equal(await step(database, 1), 0);
});

test("a transaction that was open and is rolled back leaves nothing behind", async (t) => {
  const database = await createEtlDatabase(t);
  const open = holdOpen(database.ingest, views(3));
  await open.written;
  await appendEvents(database.ingest, views(2));
  assert.equal(await step(database, 1), 2);
  open.rollBack();
  await open.done;
  assert.equal(await step(database, 1), 0);
  await appendEvents(database.ingest, views(1));
  assert.equal(await step(database, 1), 1);
});

function views(count: number): LedgerEvent[] {
  return Array.from({ length: count }, () => ({
    id: randomUUID(),
    service: 1,
    type: "product.view",
    action: "view",
    at: Date.now(),
    user: "u1",
    product: "p1",
    amount: null,
    currency: null,
    items: null,
  }));
}

/** How many events the next step reads. */
async function step(database: TestDatabase, maxEvents: number): Promise<number> {
  const { events } = await runStep(database.app, { epoch: 0, maxEvents });
  return events;
}
