import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../../../testing/until.ts";
import { noHistory } from "../../../test/helpers/erasure.ts";
import { createEtlDatabase } from "../../../test/helpers/etl/database.ts";
import { createTestIngest } from "../../../test/helpers/ingest.ts";
import { openNotifications } from "../../adapters/postgres/notifications.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { uuidOfText } from "../../core/uuid.ts";
import { audit } from "../etl/audit.ts";
import { createEtl } from "../etl/worker.ts";
import { liftBlock } from "./blocks.ts";
import { createErasure } from "./erasure.ts";
import { readErasure, requestErasure } from "./requests.ts";

test("an erased user is gone everywhere, the windows are right without them, and sending the events again restores nothing", async (t) => {
  const database = await createEtlDatabase(t);
  const notifications = openNotifications({ url: database.urls.app, applicationName: "test" });
  const stop = new AbortController();
  const parts = [
    createEtl({
      database: database.app,
      notifications,
      owner: "test",
      intervalMs: 10,
      stepEvents: 1_000,
      retentionDays: 10,
    }),
    createErasure({
      database: database.owner,
      notifications,
      history: noHistory,
    }),
  ];
  const running = Promise.all(parts.map((part) => part.run(stop.signal)));
  t.after(async () => {
    stop.abort();
    await running;
    await notifications.close();
  });

  const { send } = createTestIngest(t, { database: database.ingest });
  const hourMs = 3_600_000;
  const events = Array.from({ length: 60 }, (_, n) => ({
    event_id: `e${n}`,
    event_type: ["product.view", "cart.add", "purchase"][n % 3],
    timestamp: new Date(Date.now() - (n % 30) * hourMs).toISOString(),
    user_id: n % 4 === 0 ? "to-forget" : `u${n % 3}`,
    product: { id: `p${n % 5}`, name: `Product ${n % 5}`, price: 2.5, currency: "EUR" },
  }));
  await send("/api/events/batch", JSON.stringify(events));
  const folded = async () => {
    const [row] = await database.app.query<{ n: number }>({
      text: "select count(*)::int as n from analytics.facts",
    });
    return row?.n === 60;
  };
  await until(folded, { what: "the windows to hold all events" });

  await addPoints(database.owner);
  await database.owner.query({
    text: "select dlq.add('stream', 'x', '{}', 'unreadable', 'no', 'bytes', 'to-forget'), dlq.add('stream', 'y', '{}', 'unreadable', 'no', 'bytes', 'u1')",
  });
  const request = { userKey: "to-forget", requestedBy: "test", afterRequest: "block" } as const;
  const { id } = await requestErasure(database.app, request);
  const again = await requestErasure(database.app, request);
  assert.equal(again.id, id, "requested twice, done once");
  const certificate = await until(
    async () => {
      const erasure = await readErasure(database.app, id);
      assert.equal(erasure.error, null);
      return erasure.state === "done" ? erasure : undefined;
    },
    { what: "the certificate", timeoutMs: 60_000 },
  );
  assert.equal(certificate.erased.raw_events, 15);
  assert.equal(certificate.erased.points, 2);
  assert.equal(certificate.erased.dead_letters, 1);
  assert.equal(certificate.hours_kept, 0);
  assert.equal(certificate.hours_recomputed, 15);

  const [left] = await database.owner.query<Record<string, number>>({
    text: `select (select count(*)::int from raw.events where user_key = 'to-forget' or payload like '%to-forget%') as raw,
             (select count(*)::int from analytics.users where key = 'to-forget') as users,
             (select count(*)::int from analytics.facts) as facts,
             (select count(*)::int from dlq.letters) as letters,
             (select count(*)::int from stream.users) as interests,
             (select count(*)::int from vectors.points where payload ->> 'user_id' = 'to-forget') as points_of_theirs,
             (select count(*)::int from vectors.points where deleted_at is null) as points,
             (select count(*)::int from erasure.requests where user_key is not null) as names`,
  });
  assert.deepEqual(left, {
    raw: 0,
    users: 0,
    facts: 45,
    letters: 1,
    interests: 1,
    points_of_theirs: 0,
    points: 2,
    names: 0,
  });
  let days = 0;
  for await (const report of audit(database.app)) {
    assert.equal(report.kind, "day", JSON.stringify(report));
    days++;
  }
  assert.ok(days >= 2, "the audit looked at the days of the events");

  const replay = await send("/api/events/batch", JSON.stringify(events));
  for (const [n, { verdict, code }] of replay.body.results.entries()) {
    assert.equal(n % 4 === 0 ? code : verdict, n % 4 === 0 ? "user_erased" : "duplicate");
  }
  await liftBlock(database.app, { userKey: "to-forget", actor: "test" });
  const lifted = await send("/api/events/batch", JSON.stringify(events));
  for (const { verdict } of lifted.body.results) assert.equal(verdict, "duplicate");
});

test("no worker writes a point of what it read about a user while the user is erased", async (t) => {
  const database = await createEtlDatabase(t);
  const notifications = openNotifications({ url: database.urls.app, applicationName: "test" });
  await addPoints(database.owner);
  const erasure = createErasure({
    database: database.owner,
    notifications,
    history: noHistory,
  });
  const { id } = await requestErasure(database.app, {
    userKey: "to-forget",
    requestedBy: "test",
    afterRequest: "allow",
  });
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  t.after(async () => {
    stop.abort();
    await running;
    await notifications.close();
  });
  await database.app.transaction(async (connection) => {
    await connection.query({
      text: "select from stream.users where point_id = $1 for update",
      values: [uuidOfText("to-forget")],
    });
    running = erasure.run(stop.signal);
    const isWaiting = async () => {
      const found = await database.owner.query({
        text: `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
                 and query like 'delete from stream.users%'`,
      });
      return found.length > 0;
    };
    await until(isWaiting, { what: "the erasure to wait for the user's row" });
    // the lock of every writer of points
    const [lock] = await database.app.query<{ free: boolean }>({
      text: "select pg_try_advisory_xact_lock_shared(hashtext('stream.collections')) as free",
    });
    assert.equal(lock?.free, false);
  });
  await until(async () => (await readErasure(database.app, id)).state === "done", {
    what: "the erasure to end",
  });
});

/** Each user has interests, and an event in the collection `events`. */
async function addPoints(owner: Queryable): Promise<void> {
  await owner.query({
    text: `with m as (insert into vectors.models (id, kind, dimension, automatic, state) values ('m', 'lsa', 2, true, 'live')),
             c as (insert into vectors.collections (name, dimension) values ('users_m', 2), ('events_m', 2) returning id, name)
           insert into vectors.model_collections (collection_id, model_id, purpose) select id, 'm', split_part(name, '_', 1) from c`,
  });
  for (const key of ["to-forget", "u1"]) {
    await owner.query({
      text: `with kept as (insert into stream.users (point_id, key) values ($1, $2))
             select vectors.put_points(collection_id, array[case purpose when 'users' then $1::uuid else gen_random_uuid() end],
               array['\\x0000803f00000000'::bytea], array[jsonb_build_object('user_id', $2::text)
                 || case purpose when 'events' then '{"event_id": "e"}'::jsonb else '{}' end])
             from vectors.model_collections`,
      values: [uuidOfText(key), key],
    });
  }
}
