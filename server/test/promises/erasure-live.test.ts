/**
 * Promise: a user who is erased while all entry points keep sending the user's events leaves a whole Weir exact: raw
 * events, windows and `weir audit` agree, with `block` and with `allow`. With `block` nothing that is sent after the answer
 * is accepted, on any entry point, until the block is lifted; with `allow` all of it is kept.
 *
 * Control: a build that does not fold again what was counted under the erased history. Its erasure waits, before it
 * separates the histories, until a later event has been counted.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { until } from "../../../testing/until.ts";
import { openPool, type Pool } from "../../src/adapters/postgres/pool.ts";
import type { AfterRequest, Erasure } from "../../src/parts/erasure/requests.ts";
import { buildWith } from "../helpers/mutated-build.ts";
import { type RunningWeir, runCommand, startWeir } from "../helpers/weir.ts";

const user = "to-forget";

test("with block, nothing of the user is accepted after the answer, and nothing is left", async (t) => {
  const { weir, pool, late, certificate } = await eraseUnderTraffic(t, "block");
  assert.ok(late.length >= 12, "every entry point was tried after the answer");
  for (const { status, code, entry } of late) {
    assert.equal(code, "user_erased", `${entry} answered ${status}`);
    assert.ok(status === 422 || (entry === "/v1/track" && status === 400), `${entry}: ${status}`);
  }
  assert.deepEqual(await rawOf(pool), 0);
  assert.equal(certificate.blocked, true);
  await assertExact(weir, pool);

  const lifted = await runCommand(["unblock-user", user, "--data", weir.dataDir]);
  assert.equal(lifted.exitCode, 0, lifted.output);
  assert.ok((await send(weir, "/api/events/", user)).accepted, "events are accepted again at once");
  const [entry] = await pool.query<{ action: string; actor: string }>({
    text: "select action, actor from auth.audit_log order by id desc limit 1",
  });
  assert.equal(entry?.action, "user.unblock");
  assert.match(entry?.actor ?? "", /^cli:/);
});

test("with allow, everything that is sent after the answer is kept and counted", async (t) => {
  const { weir, pool, late } = await eraseUnderTraffic(t, "allow");
  assert.ok(late.every(({ accepted }) => accepted));
  // what was in flight when the request arrived may belong to either side
  assert.ok((await rawOf(pool)) >= late.length);
  assert.ok((await rawOf(pool)) <= late.length + entries.length);
  await assertExact(weir, pool);
});

/** The key of the advisory lock at which the faulty build waits. */
const gate = 20_261_130;

test("control: the audit finds later events that a faulty build has lost from the windows", async (t) => {
  const lock = "perform from log.readers";
  const main = await buildWith(t, [
    { in: "../sql/functions/etl/retire_users.sql", from: "if found then", to: "if false then" },
    {
      in: "../sql/functions/erasure/retire.sql",
      from: lock,
      to: `perform pg_advisory_xact_lock(${gate}); ${lock}`,
    },
  ]);
  const { weir } = await eraseUnderTraffic(t, "allow", { main, beforeSeparation: laterIsCounted });
  const { exitCode, output } = await runCommand(["audit", "--data", weir.dataDir]);
  assert.equal(exitCode, 3, output);
});

/** The raw events of the request are gone, and the windows contain a later one of the user. */
async function laterIsCounted(pool: Pool, id: string): Promise<void> {
  await until(
    async () => {
      const [row] = await pool.query<{ is_ready: boolean }>({
        text: `select q.step >= 2 and exists (
                 select from raw.events e join log.readers r on r.name = 'windows'
                 where e.user_key = $2 and pg_visible_in_snapshot(e.xid, r.position)) as is_ready
               from erasure.requests q where q.id = $1`,
        values: [id, user],
      });
      return row?.is_ready === true;
    },
    { what: "a later event in the windows" },
  );
}

const entries = ["/api/events/", "/api/events/batch", "/v1/track", "/cloudevents"] as const;
type Entry = (typeof entries)[number];

interface Sent {
  readonly entry: Entry;
  readonly status: number;
  readonly accepted: boolean;
  readonly code: string | undefined;
}

interface Faulty {
  readonly main: string;
  /** Awaited while the erasure waits at `gate`. */
  readonly beforeSeparation: (pool: Pool, requestId: string) => Promise<void>;
}

/** 30 events a second of the user and of others, before, during and after the erasure. */
async function eraseUnderTraffic(t: TestContext, afterRequest: AfterRequest, faulty?: Faulty) {
  const weir = await startWeir(t, {
    environment: { WEIR_ERASURE_AFTER_REQUEST: afterRequest },
    ...(faulty === undefined ? {} : { main: faulty.main }),
  });
  // one connection: it holds the gate
  const pool = openPool({ url: weir.run.database_url, applicationName: "test", max: 1 });
  t.after(() => pool.close());
  const atGate = (call: string) => pool.query({ text: `select ${call}($1)`, values: [gate] });
  if (faulty !== undefined) await atGate("pg_advisory_lock");
  let sending = true;
  let isLate = false;
  const late: Sent[] = [];
  const traffic = Promise.all(
    entries.map(async (entry) => {
      for (let n = 0; sending; n++) {
        const sentLate = isLate;
        const sent = await send(weir, entry, user);
        if (sentLate) late.push(sent);
        if (n % 2 === 0) await send(weir, entry, `other-${n % 5}`);
        await delay(100);
      }
    }),
  );
  const known = async () => (await rawOf(pool)) > 40;
  await until(known, { what: "traffic" });
  const answer = await fetch(`${weir.run.url}/api/users/${user}/erase`, {
    method: "POST",
    headers: { "x-api-key": weir.adminKey },
  });
  isLate = true;
  assert.equal(answer.status, 202);
  const { id } = (await answer.json()) as Erasure;
  if (faulty !== undefined) {
    await faulty.beforeSeparation(pool, id);
    await atGate("pg_advisory_unlock");
  }
  const certificate = await until(
    async () => {
      const found = await fetch(`${weir.run.url}/api/erasures/${id}`, {
        headers: { "x-api-key": weir.adminKey },
      });
      const erasure = (await found.json()) as Erasure;
      return erasure.state === "done" ? erasure : undefined;
    },
    { what: "the certificate" },
  );
  const after = late.length;
  await until(() => late.length >= after + 16, { what: "traffic after the erasure" });
  sending = false;
  await traffic;
  return { weir, pool, late, certificate };
}

async function send(weir: RunningWeir, entry: Entry, as: string): Promise<Sent> {
  const event = {
    event_type: "purchase",
    user_id: as,
    ...{ product: { id: "p1", price: 2.5, currency: "EUR" } },
  };
  const body: Readonly<Record<Entry, unknown>> = {
    "/api/events/": event,
    "/api/events/batch": [event],
    "/v1/track": {
      type: "track",
      event: "Product Viewed",
      userId: as,
      properties: { product_id: "p1" },
    },
    "/cloudevents": {
      ...{ specversion: "1.0", id: crypto.randomUUID(), source: "/test", type: "product.view" },
      data: { user_id: as, product: { id: "p1" } },
    },
  };
  const response = await fetch(`${weir.run.url}${entry}`, {
    method: "POST",
    headers: {
      "x-api-key": weir.adminKey,
      "content-type":
        entry === "/cloudevents" ? "application/cloudevents+json" : "application/json",
    },
    body: JSON.stringify(body[entry]),
  });
  const answer = (await response.json()) as {
    readonly code?: string;
    readonly detail?: string;
    readonly results?: readonly { readonly code?: string }[];
  };
  const detail =
    answer.detail?.includes("was erased and is blocked") === true ? "user_erased" : undefined;
  return {
    ...{ entry, status: response.status, accepted: response.ok },
    // Segment's clients drop a message for a 400 only: the code is that of a malformed request
    code: answer.results?.[0]?.code ?? detail ?? answer.code,
  };
}

async function rawOf(pool: Pool): Promise<number> {
  const [row] = await pool.query<{ n: number }>({
    text: "select count(*)::int as n from raw.events where user_key = $1",
    values: [user],
  });
  return row?.n ?? 0;
}

async function assertExact(weir: RunningWeir, pool: Pool): Promise<void> {
  const counts = async () => {
    const [row] = await pool.query<Record<string, string>>({
      text: `select (select count(*) from raw.events) as raw, (select count(*) from analytics.facts) as facts,
               (select sum(events) from analytics.window_totals where size = 3) as counted,
               (select count(distinct (user_key, (occurred_at at time zone 'UTC')::date)) from raw.events) as users,
               (select sum(users) from analytics.window_totals where size = 3) as counted_users`,
    });
    return row ?? {};
  };
  await until(
    async () => {
      const { raw, facts } = await counts();
      return raw === facts;
    },
    { what: "the windows" },
  );
  const { raw, counted, users, counted_users: countedUsers } = await counts();
  assert.deepEqual([counted, countedUsers], [raw, users]);
  const { exitCode, output } = await runCommand(["audit", "--data", weir.dataDir]);
  assert.equal(exitCode, 0, output);
}
