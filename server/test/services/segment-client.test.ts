/** Segment's own client library, unmodified, sends to Weir, and its events arrive once. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { Analytics } from "@segment/analytics-node";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { startWeir } from "../helpers/weir.ts";

interface StoredEvent {
  readonly event_type: string;
  readonly event_ref: string;
  readonly user_key: string | null;
  readonly product_key: string | null;
  readonly amount: string | null;
  readonly currency: string | null;
}

test("@segment/analytics-node: track, identify, page and the e-commerce events arrive once", async (t) => {
  const weir = await startWeir(t);
  const failures: unknown[] = [];
  const client = new Analytics({
    writeKey: weir.adminKey,
    host: weir.run.url,
    flushAt: 4,
    flushInterval: 100,
  });
  client.on("error", (error) => failures.push(error));
  client.identify({ userId: "user-1", traits: { plan: "pro" } });
  client.page({ anonymousId: "device-1", name: "Home" });
  client.track({
    userId: "user-1",
    event: "Product Viewed",
    properties: { product_id: "mug-1", name: "Mug", price: 9.5, currency: "EUR" },
  });
  const order = {
    userId: "user-1",
    event: "Order Completed",
    messageId: randomUUID(),
    timestamp: new Date(),
    properties: {
      revenue: 28.5,
      currency: "EUR",
      products: [
        { product_id: "mug-1", price: 9.5, quantity: 2 },
        { product_id: "cup-1", price: 9.5, quantity: 1 },
      ],
    },
  };
  client.track(order);
  await client.flush({ timeout: 10_000 });
  // The same message again, as after a crash of the sender.
  client.track(order);
  await client.closeAndFlush({ timeout: 10_000 });
  assert.deepEqual(failures, []);

  await using pool = openPool({ url: weir.run.database_url, applicationName: "test", max: 1 });
  const rows = await pool.query<StoredEvent>({
    text: `select event_type, coalesce(event_ref, event_id::text) as event_ref, user_key, product_key,
             amount::text, currency
           from raw.events order by event_type`,
  });
  assert.deepEqual(
    rows.map(({ event_type, user_key, amount, currency }) => [
      event_type,
      user_key,
      amount,
      currency,
    ]),
    [
      ["Order Completed", "user-1", "28.5", "EUR"],
      ["Product Viewed", "user-1", "9.5", "EUR"],
      ["identify", "user-1", null, null],
      ["page", "anonymous:device-1", null, null],
    ],
  );
  assert.equal(rows.find((row) => row.event_type === "Product Viewed")?.product_key, "mug-1");
  assert.equal(
    rows.find((row) => row.event_type === "Order Completed")?.event_ref,
    order.messageId,
  );
});

test("@segment/analytics-node reports a wrong key instead of silently losing events", async (t) => {
  const weir = await startWeir(t);
  const failures: unknown[] = [];
  const client = new Analytics({
    writeKey: `${weir.adminKey.slice(0, -1)}x`,
    host: weir.run.url,
    maxRetries: 0,
    flushAt: 1,
  });
  client.on("error", (error) => failures.push(error));
  client.track({ userId: "user-1", event: "Anything" });
  await client.closeAndFlush({ timeout: 5_000 });
  assert.equal(failures.length, 1);
});

for (const how of ["its key in a header", "its key in the body only, as older versions"]) {
  test(`@segment/analytics-node sends its largest batch, with ${how}`, async (t) => {
    const weir = await startWeir(t);
    const failures: unknown[] = [];
    const lengths: number[] = [];
    const client = new Analytics({
      writeKey: weir.adminKey,
      host: weir.run.url,
      maxRetries: 0,
      flushAt: 15,
      flushInterval: 10_000,
      httpClient: (url: string, request: RequestInit) => {
        const headers = new Headers(request.headers);
        if (!how.includes("header")) headers.delete("authorization");
        lengths.push(String(request.body).length);
        return fetch(url, { ...request, headers });
      },
    });
    client.on("error", (error) => failures.push(error));
    for (let n = 0; n < 15; n++) {
      client.track({ userId: "u", event: "Large", properties: { n, text: "x".repeat(31_000) } });
    }
    await client.closeAndFlush({ timeout: 20_000 });
    assert.deepEqual(failures, []);
    assert.ok(Math.max(...lengths) > 460_000, String(lengths));
    await using pool = openPool({ url: weir.run.database_url, applicationName: "test", max: 1 });
    const [row] = await pool.query<{ count: number }>({
      text: "select count(*)::int as count from raw.events where event_type = 'Large'",
    });
    assert.equal(row?.count, 15);
  });
}
