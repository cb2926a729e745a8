import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { until } from "../../../../testing/until.ts";
import { certificateOf, requestAs, startErasure } from "../../../test/helpers/erasure.ts";
import { createEtlDatabase } from "../../../test/helpers/etl/database.ts";
import { createTestIngest } from "../../../test/helpers/ingest.ts";
import { WeirError } from "../../core/errors.ts";
import { liftBlock } from "./blocks.ts";

const blocked = "blocked-user";
const event = (user: string, id = randomUUID()) => ({
  event_id: id,
  event_type: "product.view",
  user_id: user,
});

test("every entry point refuses a blocked user for good and accepts the neighbours; after the lifting the same events are new", async (t) => {
  const database = await createEtlDatabase(t);
  const { send } = createTestIngest(t, { database: database.ingest });
  startErasure(t, database);
  const { id } = await requestAs(database, blocked, "block");
  const mine = event(blocked);
  const track = { type: "track", event: "Product Viewed", properties: { product_id: "p" } };
  const cloudEvent = {
    ...{ specversion: "1.0", id: "c1", source: "/s", type: "product.view" },
    data: { user_id: blocked },
  };
  const post = (path: string, body: unknown, contentType = "application/json") =>
    send(path, JSON.stringify(body), { contentType });

  const single = await post("/api/events/", mine);
  assert.deepEqual(
    [single.status, single.body.code, single.body.retryable],
    [422, "user_erased", false],
  );
  const batch = await post("/api/events/batch", [event("a"), mine, event("b")]);
  assert.equal(batch.status, 202);
  assert.deepEqual(
    batch.body.results.map(({ verdict, code }: Record<string, string>) => code ?? verdict),
    ["accepted", "user_erased", "accepted"],
  );
  assert.equal((await post("/api/events/batch", [mine, mine])).status, 422);
  assert.equal((await post("/v1/track", { ...track, userId: blocked })).status, 400);
  const segment = await post("/v1/batch", {
    batch: [
      { ...track, userId: blocked },
      { ...track, userId: "c" },
    ],
  });
  assert.deepEqual(
    segment.body.results.map(({ verdict }: Record<string, string>) => verdict),
    ["rejected", "accepted"],
  );
  const cloud = await post("/cloudevents", cloudEvent, "application/cloudevents+json");
  assert.deepEqual([cloud.status, cloud.body.code], [422, "user_erased"]);
  const clouds = await post("/cloudevents", [cloudEvent], "application/cloudevents-batch+json");
  assert.deepEqual([clouds.status, clouds.body.results[0].code], [422, "user_erased"]);

  await certificateOf(database, id);
  const lifted = await liftBlock(database.app, { userKey: blocked, actor: "test" });
  assert.equal(lifted.erasure, id);
  assert.equal((await post("/api/events/", mine)).body.verdict, "accepted");
  assert.equal((await post("/api/events/", mine)).body.verdict, "duplicate");
  const users = await database.owner.query({
    text: "select user_key, count(*)::int as n from raw.events group by 1 order by 1",
  });
  assert.deepEqual(
    users,
    ["a", "b", blocked, "c"].map((user) => ({ user_key: user, n: 1 })),
  );
  await assert.rejects(
    liftBlock(database.app, { userKey: blocked, actor: "test" }),
    (error) => error instanceof WeirError && error.code === "not_found",
  );
});

test("a group that is being written when a user is blocked is written again without the user", async (t) => {
  const database = await createEtlDatabase(t);
  const { send } = createTestIngest(t, { database: database.ingest });
  const hold = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const holding = database.owner.transaction(async (connection) => {
    await connection.query({ text: "lock table raw.identities in access exclusive mode" });
    held.resolve();
    await hold.promise;
  });
  await held.promise;
  const sending = send("/api/events/batch", JSON.stringify([event("a"), event(blocked)]));
  const isWaiting = async () => {
    const found = await database.owner.query({
      text: `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
               and query like '%raw.append%' and pid <> pg_backend_pid()`,
    });
    return found.length > 0;
  };
  await until(isWaiting, { what: "the group to have passed the first look" });
  await requestAs(database, blocked, "block");
  hold.resolve();
  await holding;
  const { body } = await sending;
  assert.deepEqual(
    body.results.map(({ verdict, code }: Record<string, string>) => code ?? verdict),
    ["accepted", "user_erased"],
  );
});

test("the set of events is fixed only when groups that may not have seen the block have ended, and until then the block stays", async (t) => {
  const database = await createEtlDatabase(t);
  const { send } = createTestIngest(t, { database: database.ingest });
  await send("/api/events/", JSON.stringify(event(blocked)));
  const hold = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  const late = database.owner.transaction(async (connection) => {
    // as a group that looked for blocks before there was one
    await connection.query({
      text: "insert into raw.identities values (gen_random_uuid(), 1, 7)",
    });
    await connection.query({
      text: `insert into raw.events (service_id, format, event_id, occurred_at, user_key, event_type, payload)
             values (1, 0, gen_random_uuid(), now(), $1, 'product.view', '{}')`,
      values: [blocked],
    });
    written.resolve();
    await hold.promise;
  });
  await written.promise;
  startErasure(t, database);
  const { id } = await requestAs(database, blocked, "block");
  for (let n = 0; n < 50; n++) await turn();
  await assert.rejects(
    liftBlock(database.app, { userKey: blocked, actor: "test" }),
    (error) => error instanceof WeirError && error.code === "unavailable",
  );
  hold.resolve();
  await late;
  assert.equal((await certificateOf(database, id)).erased.raw_events, 2);
});
