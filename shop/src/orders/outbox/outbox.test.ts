import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { until } from "../../../../testing/until.ts";
import {
  createOrdersDatabase,
  silentLogger,
  startTestOrders,
} from "../../../test/helpers/orders.ts";
import type { OrderMessage } from "../order-messages.ts";
import { removeSent } from "./outbox-store.ts";
import { createPublisher, type Send } from "./publisher.ts";

test("while the bus and Weir are down orders continue, and everything arrives later in order", async (t) => {
  let isDown = true;
  let attempts = 0;
  const published: OrderMessage[] = [];
  const events: unknown[] = [];
  const arrive = (): void => {
    attempts++;
    if (isDown) throw new Error("the test closed it");
  };
  const { checkout, makeCart, call, database } = await startTestOrders(t, {
    ports: {
      async publish(messages) {
        arrive();
        published.push(...messages);
      },
      async sendToWeir(sent) {
        arrive();
        events.push(...sent);
        return [];
      },
    },
  });
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) {
    const { status, body } = await checkout(await makeCart());
    assert.equal(status, 201);
    await call("POST", `/orders/${body.id}/ship`);
    ids.push(body.id);
  }
  const tried = attempts;
  await until(() => attempts >= tried + 2, { what: "more attempts" });
  isDown = false;
  await until(() => published.length === 9 && events.length === 9, { what: "all messages" });
  for (const id of ids) {
    assert.deepEqual(
      published.filter(({ subject }) => subject === id).map(({ type }) => type),
      ["shop.order.created.v1", "shop.order.paid.v1", "shop.order.shipped.v1"],
    );
  }
  await until(
    async () => (await database.query("select from outbox where sent_at is null")).length === 0,
    { what: "an empty outbox" },
  );
  assert.equal(await removeSent(database, { keepMs: 3_600_000, limit: 100 }), 0);
  assert.equal(await removeSent(database, { keepMs: -3_600_000, limit: 100 }), 18);
});

test("publishers at the same time send each message once, and no message before an earlier one of its order", async (t) => {
  const orders = await idleOutbox(t);
  const sent: number[] = [];
  await orders.add(20, 5);
  const publishers = Array.from({ length: 4 }, () =>
    orders.publisher(async (payloads) => {
      sent.push(...(payloads as number[]));
      return [];
    }),
  );
  await Promise.all(
    publishers.map(async (publisher) => {
      // one may find nothing while another has the rest locked
      await until(async () => (await publisher.publishBatch()) === "empty" && sent.length === 100, {
        what: "all to be sent",
        everyMs: 1,
      });
    }),
  );
  assert.equal(new Set(sent).size, 100);
  for (let order = 0; order < 20; order++) {
    const own = sent.filter((n) => Math.floor(n / 5) === order);
    assert.deepEqual(
      own,
      own.toSorted((a, b) => a - b),
    );
  }
});

test("a message that cannot be sent ends up alone and holds up its own order only", async (t) => {
  const orders = await idleOutbox(t);
  await orders.add(8, 2);
  const sent: number[] = [];
  const publisher = orders.publisher(async (payloads) => {
    if (payloads.includes(6)) throw new Error("no");
    sent.push(...(payloads as number[]));
    return [];
  });
  await until(
    async () => {
      await publisher.publishBatch();
      return sent.length === 14;
    },
    { what: "all others" },
  );
  assert.ok(!sent.includes(6) && !sent.includes(7));
});

test("a message that is refused for good is kept with the reason, and later ones are sent", async (t) => {
  const orders = await idleOutbox(t);
  await orders.add(1, 3);
  const sent: unknown[] = [];
  const publisher = orders.publisher(async (payloads) => {
    sent.push(...payloads);
    return payloads.flatMap((payload, index) =>
      payload === 1 ? [{ index, reason: "rejected: too odd" }] : [],
    );
  });
  await until(async () => (await publisher.publishBatch()) === "empty", { what: "the end" });
  assert.deepEqual(sent, [0, 1, 2]);
  assert.deepEqual(
    await orders.database.query("select payload, error from outbox where failed_at is not null"),
    [{ payload: "1", error: "rejected: too odd" }],
  );
});

/** An outbox without a service that sends it. */
async function idleOutbox(t: TestContext) {
  const { database } = await createOrdersDatabase(t);
  t.after(() => database.close());
  return {
    database,
    /** Messages 0, 1, 2, …: `each` for each order. */
    add: (orders: number, each: number) =>
      database.query(
        `insert into outbox (destination, order_id, payload)
         select 'bus', md5((n / $2::int)::text)::uuid, n::text from generate_series(0, $1::int * $2::int - 1) n`,
        [orders, each],
      ),
    publisher: (send: Send) =>
      createPublisher({
        database,
        destination: "bus",
        send,
        logger: silentLogger,
        batch: 10,
        random: () => 0,
      }),
  };
}
