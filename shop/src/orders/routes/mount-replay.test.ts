import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../../../testing/until.ts";
import { notificationsToken, startTestOrders } from "../../../test/helpers/orders.ts";

test("a replay publishes the messages since then again, with the same ids, for the notification service only", async (t) => {
  const { url, call, checkout, makeCart, published, events } = await startTestOrders(t);
  await checkout(await makeCart());
  await until(() => published.length === 2 && events.size === 2, { what: "the first time" });
  const replay = (body: unknown, token: string) =>
    fetch(`${url}/events/replay`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    });
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const answer = await replay({ since }, notificationsToken);
  assert.equal(answer.status, 202);
  assert.deepEqual(await answer.json(), { events: 2 });
  await until(() => published.length === 4, { what: "the second time" });
  assert.deepEqual(published.slice(2), published.slice(0, 2));

  const later = await replay(
    { since: new Date(Date.now() + 3_600_000).toISOString() },
    notificationsToken,
  );
  assert.deepEqual(await later.json(), { events: 0 });
  assert.equal((await replay({ since: "yesterday" }, notificationsToken)).status, 400);
  assert.equal((await call("POST", "/events/replay", { body: { since } })).status, 403);
  assert.equal((await replay({ since }, "another-token-of-tests")).status, 401);
});
