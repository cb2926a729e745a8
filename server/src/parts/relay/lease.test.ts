import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { createLeaseTaker, keepLease, releaseLease } from "./lease.ts";

test("one process relays; another takes over when the heartbeat no longer changes, or at once after a release", async (t) => {
  const { app } = await createTestDatabase(t);
  let now = 0;
  const first = createLeaseTaker(app, "first", () => now);
  const second = createLeaseTaker(app, "second", () => now);
  const lease = await first();
  assert.ok(lease);
  assert.equal(await second(), undefined);
  now += 4_900;
  assert.equal(await second(), undefined);

  const stop = new AbortController();
  const kept = keepLease(app, lease, stop.signal);
  const heartbeat = async () =>
    (
      await app.query<{ at: string }>({ text: "select heartbeat_at::text as at from relay.state" })
    )[0]?.at;
  const before = await heartbeat();
  await until(async () => (await heartbeat()) !== before, { what: "a heartbeat" });
  now += 4_900;
  assert.equal(await second(), undefined, "the heartbeat has changed");
  stop.abort();
  await kept;

  now += 5_100;
  const taken = await second();
  assert.ok(taken !== undefined && taken.epoch !== lease.epoch);
  await keepLease(app, lease, new AbortController().signal);
  await releaseLease(app, lease);
  assert.equal(await first(), undefined, "a lost lease releases nothing");
  await releaseLease(app, taken);
  assert.ok(await first());
});
