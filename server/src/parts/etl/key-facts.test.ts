/** Which cart a purchase belongs to when both happen in the same millisecond and arrive apart. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { appendEvents } from "../../../test/helpers/etl/append-events.ts";
import { createEtlDatabase } from "../../../test/helpers/etl/database.ts";
import {
  type Action,
  differences,
  expectedLines,
  type LedgerEvent,
  storedLines,
} from "../../../test/helpers/etl/window-oracle.ts";
import { runStep } from "./step.ts";

const types = { view: "product.view", cart: "add_to_cart", purchase: "purchase" } as const;

for (const order of [
  ["view", "purchase", "cart"],
  ["purchase", "cart", "view"],
  ["cart", "purchase", "view"],
  ["view", "cart", "purchase"],
] as const) {
  test(`a cart and a purchase at the same instant belong together when ${order.join(", ")} arrive in this order`, async (t) => {
    const database = await createEtlDatabase(t);
    const at = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000;
    const ledger = order.map((action) => eventAt(action, action === "view" ? at - 60_000 : at));
    for (const event of ledger) {
      await appendEvents(database.ingest, [event]);
      await runStep(database.app, { epoch: 0, maxEvents: 100 });
    }
    assert.deepEqual(differences(expectedLines(ledger), await storedLines(database.app)), []);
  });
}

function eventAt(action: keyof typeof types, at: number): LedgerEvent {
  const known: Action = action;
  return {
    id: randomUUID(),
    service: 1,
    type: types[action],
    action: known,
    at,
    user: "u1",
    product: "p1",
    amount: null,
    currency: null,
    items: null,
  };
}
