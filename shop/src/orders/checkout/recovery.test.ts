import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../../../testing/until.ts";
import { startTestOrders, type TestOrders } from "../../../test/helpers/orders.ts";

const shortLease = { environment: { SHOP_ORDERS_LEASE_MS: "200" } };

/** As a process leaves it that dies while it works on the checkout. */
async function leaveAt(
  { checkout, makeCart, database, shelves }: TestOrders,
  step: "reserving" | "paying" | "confirming",
): Promise<string> {
  const { body: order } = await checkout(await makeCart(), { key: "key-1" });
  await database.query("delete from order_history where number > 1");
  await database.query("update orders set state = 'created'");
  if (step === "reserving") {
    await database.query("delete from order_history");
    await database.query("delete from order_items");
    await database.query("delete from orders");
  }
  if (step !== "confirming") await database.query("delete from simulated_charges");
  shelves.confirmed.clear();
  await database.query("delete from outbox");
  await database.query(
    `update checkouts set step = $1, answer_status = null, answer_body = null,
       lease_until = clock_timestamp() + interval '100 milliseconds'`,
    [step],
  );
  return order.id;
}

for (const step of ["paying", "confirming"] as const) {
  test(`a checkout that was left at ${step} becomes a paid order by itself`, async (t) => {
    const orders = await startTestOrders(t, shortLease);
    const id = await leaveAt(orders, step);
    await until(async () => (await orders.call("GET", `/orders/${id}`)).body.state === "paid", {
      what: "the order to be paid",
    });
    assert.ok(orders.shelves.confirmed.has(id));
    const [charge] = await orders.database.query<{ state: string }>(
      "select state from simulated_charges",
    );
    assert.equal(charge?.state, "charged");
    const cart = await orders.database.query<{ cart_id: string }>("select cart_id from checkouts");
    const replayed = await orders.checkout(String(cart[0]?.cart_id), { key: "key-1" });
    assert.equal(replayed.status, 201);
    assert.equal(replayed.body.id, id);
  });
}

test("a checkout that was left while it reserved is abandoned, and its stock is released", async (t) => {
  const orders = await startTestOrders(t, shortLease);
  await leaveAt(orders, "reserving");
  await until(async () => (await orders.database.query("select from checkouts")).length === 0, {
    what: "the checkout to be gone",
  });
  assert.equal(orders.shelves.stock.get("mug"), 10);
  assert.deepEqual(await orders.database.query("select from orders"), []);
});

test("an order whose reservation expired before its payment is cancelled, and not charged", async (t) => {
  const orders = await startTestOrders(t, shortLease);
  const id = await leaveAt(orders, "paying");
  await orders.database.query(
    "update checkouts set reservation_expires_at = now() - interval '1 s'",
  );
  await until(async () => (await orders.call("GET", `/orders/${id}`)).body.state === "cancelled", {
    what: "the order to be cancelled",
  });
  const [charge] = await orders.database.query<{ state: string }>(
    "select state from simulated_charges",
  );
  assert.equal(charge?.state, "voided");
});

test("a reservation that has gone before it was confirmed undoes the payment", async (t) => {
  const orders = await startTestOrders(t, shortLease);
  const id = await leaveAt(orders, "confirming");
  orders.shelves.reservations.delete(id);
  await until(async () => (await orders.call("GET", `/orders/${id}`)).body.state === "cancelled", {
    what: "the order to be cancelled",
  });
  const [charge] = await orders.database.query<{ state: string }>(
    "select state from simulated_charges",
  );
  assert.equal(charge?.state, "voided");
});

test("a process that comes back after its lease changes nothing", async (t) => {
  const gate = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const payments = { async voidCharge() {}, async refund() {} };
  const slow = await startTestOrders(t, {
    ...shortLease,
    ports: {
      payments: {
        ...payments,
        async charge() {
          arrived.resolve();
          await gate.promise;
          return "declined";
        },
      },
    },
  });
  const answer = slow.checkout(await slow.makeCart());
  await arrived.promise;
  const other = await startTestOrders(t, {
    ...shortLease,
    ports: { payments: { ...payments, charge: async () => "charged" } },
    beside: slow,
  });
  const [row] = await other.database.query<{ order_id: string }>("select order_id from checkouts");
  const id = row?.order_id ?? "";
  await until(async () => (await other.call("GET", `/orders/${id}`)).body.state === "paid", {
    what: "the other process to finish the order",
  });
  gate.resolve();
  // the late process finds that the order was paid, and answers with it
  const { status, body } = await answer;
  assert.equal(status, 201);
  assert.equal(body.id, id);
  assert.deepEqual(
    body.history.map(({ state }) => state),
    ["created", "paid"],
  );
});
