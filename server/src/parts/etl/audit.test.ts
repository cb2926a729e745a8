import assert from "node:assert/strict";
import { test } from "node:test";
import { appendEvents } from "../../../test/helpers/etl/append-events.ts";
import { createEtlDatabase } from "../../../test/helpers/etl/database.ts";
import { makeLedger } from "../../../test/helpers/etl/make-ledger.ts";
import type { Database } from "../../core/ports/database.ts";
import { type AuditReport, audit } from "./audit.ts";
import { runStep } from "./step.ts";

const tables = [
  "update analytics.window_counts set events = events + 1 where size = 2",
  "update analytics.window_totals set users = users + 1 where size = 1",
  "update analytics.window_revenue set revenue = revenue + 0.01 where size = 3",
  "delete from analytics.product_windows where size = 2 and product_id = 1",
  "update analytics.product_revenue set revenue = revenue + 1",
  "delete from analytics.sessions where user_id = 1",
  "update analytics.user_hours set minutes = minutes | 2",
  "update analytics.user_months set view_days = 0 where user_id = 2",
  "update analytics.key_facts set last_view_at = null where user_id = 1",
  "delete from analytics.facts where user_id = 1",
];

test("the audit finds no difference in what the ETL folded, and finds each kind of damage", async (t) => {
  const database = await createEtlDatabase(t);
  const ledger = makeLedger(5, 800).filter(({ at }) => at > Date.now() - 3 * 86_400_000);
  await appendEvents(database.ingest, ledger);
  await runStep(database.app, { epoch: 0, maxEvents: 2_000 });
  assert.deepEqual(await differences(database.app), []);
  for (const damage of tables) {
    const table = /analytics\.(\w+)/.exec(damage)?.[1] ?? "";
    await database.owner.query({
      text: `create table public.kept_${table} as table analytics.${table}`,
    });
    await database.owner.query({ text: damage });
    const found = await differences(database.app);
    assert.ok(
      found.some((one) => one.kind === "difference" && one.table === table),
      `${damage}: ${JSON.stringify(found.slice(0, 2))}`,
    );
    await database.owner.query({ text: `delete from analytics.${table}` });
    await database.owner.query({
      text: `insert into analytics.${table} table public.kept_${table}`,
    });
  }
  assert.deepEqual(await differences(database.app), []);
});

test("every day with an event in the log is audited, however far apart, also without any window", async (t) => {
  const database = await createEtlDatabase(t);
  const ledger = makeLedger(6, 400);
  await appendEvents(database.ingest, ledger);
  const dayOf = (at: number) => new Date(Math.floor(at / 86_400_000) * 86_400_000).toISOString();
  const held = [...new Set(ledger.map(({ at }) => dayOf(at)))].sort();
  assert.ok(held.length > 5 && (held[0] ?? "") < "1970", "years lie between them");
  const days: string[] = [];
  for await (const report of audit(database.app)) {
    if (report.kind === "day") days.push(report.day.toISOString());
  }
  assert.deepEqual(days, held);
  const [from] = held.slice(2);
  const later: string[] = [];
  for await (const report of audit(database.app, { from: new Date(from ?? "") })) {
    if (report.kind === "day") later.push(report.day.toISOString());
  }
  assert.deepEqual(later, held.slice(2));
});

async function differences(database: Database): Promise<AuditReport[]> {
  const found: AuditReport[] = [];
  for await (const report of audit(database)) if (report.kind === "difference") found.push(report);
  return found;
}
