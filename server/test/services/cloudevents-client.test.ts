/** The CNCF `cloudevents` SDK, unmodified, sends to Weir in every mode; each event arrives once. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { CloudEvent, emitterFor, HTTP, Mode } from "cloudevents";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { type RunningWeir, startWeir } from "../helpers/weir.ts";

for (const mode of [Mode.BINARY, Mode.STRUCTURED]) {
  test(`cloudevents in ${mode} mode arrive once, also when sent twice`, async (t) => {
    const weir = await startWeir(t);
    const statuses: number[] = [];
    const emit = emitterFor(
      async (message) => {
        statuses.push((await post(weir, message as Sent)).status);
        return message;
      },
      { mode },
    );
    const event = new CloudEvent({
      id: randomUUID(),
      source: "/shop/orders",
      type: "order.created",
      time: new Date().toISOString(),
      data: {
        user_id: "user-1",
        product: { id: "mug-1", price: 9.5, currency: "EUR", quantity: 2 },
      },
    });
    await emit(event);
    await emit(event);
    assert.deepEqual(statuses, [202, 202]);
    assert.deepEqual(await stored(weir), [
      { event_type: "order.created", user_key: "user-1", product_key: "mug-1", amount: "19.0" },
    ]);
  });
}

test("a batch of cloudevents is answered one by one", async (t) => {
  const weir = await startWeir(t);
  const events = ["a", "b", "a"].map(
    (id) => new CloudEvent({ id, source: "/shop", type: "signup", time: "2026-11-20T10:00:00Z" }),
  );
  const response = await post(weir, {
    headers: { "content-type": "application/cloudevents-batch+json" },
    body: JSON.stringify(events),
  });
  const { results } = (await response.json()) as { results: { verdict: string }[] };
  assert.deepEqual(
    results.map(({ verdict }) => verdict),
    ["accepted", "accepted", "duplicate"],
  );
  // The SDK itself can read its messages back: they are valid CloudEvents.
  assert.equal(HTTP.isEvent(HTTP.structured(events[0] as CloudEvent<unknown>)), true);
});

function post({ run, adminKey }: RunningWeir, { headers, body }: Sent) {
  return fetch(`${run.url}/cloudevents`, {
    method: "POST",
    headers: { ...headers, "x-api-key": adminKey },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** The SDK's message, with the header types that it really produces. */
interface Sent {
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

async function stored({ run }: RunningWeir) {
  await using pool = openPool({ url: run.database_url, applicationName: "test", max: 1 });
  return pool.query({
    text: "select event_type, user_key, product_key, amount::text from raw.events order by event_type",
  });
}
