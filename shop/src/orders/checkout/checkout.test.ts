import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../../../testing/until.ts";
import { startTestOrders } from "../../../test/helpers/orders.ts";

test("a checkout takes prices and stock from the product service and pays once", async (t) => {
  const { checkout, makeCart, shelves, call, database } = await startTestOrders(t);
  const cart = await makeCart({ mug: 3, pot: 1 });
  const { status, body } = await checkout(cart);
  assert.equal(status, 201);
  assert.equal(body.state, "paid");
  assert.equal(body.total, "7.75");
  assert.equal(body.currency, "GBP");
  assert.deepEqual(body.items, [
    { product_id: "mug", name: "The mug", category: "Tableware", quantity: 3, price: "2.55" },
    { product_id: "pot", name: "The pot", category: "Tableware", quantity: 1, price: "0.10" },
  ]);
  assert.deepEqual(
    body.history.map(({ state }) => state),
    ["created", "paid"],
  );
  assert.ok(shelves.confirmed.has(body.id));
  assert.equal(shelves.stock.get("mug"), 7);
  assert.deepEqual((await call("GET", `/orders/${body.id}`)).body, body);
  assert.deepEqual((await call("GET", `/carts/${cart}`)).body.items, []);
  assert.deepEqual(await database.query("select amount, state from simulated_charges"), [
    { amount: "7.75", state: "charged" },
  ]);
});

test("the same key and body give the same answer, another body is refused", async (t) => {
  const { checkout, makeCart, database } = await startTestOrders(t);
  const cart = await makeCart();
  const first = await checkout(cart, { key: "key-1" });
  const again = await checkout(cart, { key: "key-1" });
  assert.equal(again.status, 201);
  assert.deepEqual(again.body, first.body);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  const other = await checkout(cart, { key: "key-1", simulate: "decline" });
  assert.equal(other.status, 422);
  assert.equal(other.body["code"], "idempotency_key_reused");
  // keys of users do not meet
  const otherUser = await checkout(await makeCart(), { key: "key-1", user: "bora" });
  assert.equal(otherUser.status, 201);
  assert.notEqual(otherUser.body.id, first.body.id);
  assert.equal((await database.query("select from orders")).length, 2);
});

test("the same request sent at the same time many times is one order", async (t) => {
  const { checkout, makeCart, database, shelves } = await startTestOrders(t);
  const cart = await makeCart();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => checkout(cart, { key: "key-1" })),
  );
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201]);
  assert.deepEqual(new Set(answers.map(({ body }) => body.id)).size, 1);
  assert.equal((await database.query("select from orders")).length, 1);
  assert.equal(shelves.stock.get("mug"), 9);
});

test("two checkouts of one cart with different keys are one order", async (t) => {
  const { checkout, makeCart, database } = await startTestOrders(t);
  const cart = await makeCart();
  const answers = await Promise.all([checkout(cart), checkout(cart), checkout(cart)]);
  const statuses = answers.map(({ status }) => status).sort();
  assert.equal(statuses[0], 201);
  // the others came while the first was running, or found the cart empty
  for (const { status, body } of answers) {
    if (status === 201) continue;
    assert.ok(["checkout_in_progress", "cart_empty"].includes(String(body["code"])), `${status}`);
  }
  assert.equal((await database.query("select from orders")).length, 1);
});

test("what is added to the cart during a checkout stays in it", async (t) => {
  const { checkout, makeCart, call } = await startTestOrders(t);
  const cart = await makeCart({ mug: 2, pot: 1 });
  const paying = checkout(cart, { simulate: "time_out" });
  await call("PUT", `/carts/${cart}/items/mug`, { body: { quantity: 5 } });
  assert.equal((await paying).status, 422);
  // nothing was bought, so nothing is taken out
  const kept = await call("GET", `/carts/${cart}`);
  assert.deepEqual(kept.body.items, [
    { product_id: "mug", quantity: 5 },
    { product_id: "pot", quantity: 1 },
  ]);
});

test("out of stock: 409 with the items, no order, and the same answer for the same key", async (t) => {
  const { checkout, makeCart, database, shelves } = await startTestOrders(t);
  const cart = await makeCart({ pot: 2 });
  const first = await checkout(cart, { key: "key-1" });
  assert.equal(first.status, 409);
  assert.equal(first.body["code"], "out_of_stock");
  assert.deepEqual(first.body.items, [{ product_id: "pot", quantity: 2 }]);
  shelves.stock.set("pot", 2);
  assert.equal((await checkout(cart, { key: "key-1" })).status, 409);
  assert.deepEqual(await database.query("select from orders"), []);
  assert.equal((await checkout(cart, { key: "key-2" })).status, 201);
});

for (const [simulate, code] of [
  ["decline", "payment_declined"],
  ["time_out", "payment_timed_out"],
] as const) {
  test(`${code}: the order is cancelled, nothing is charged, the stock is back`, async (t) => {
    const { checkout, makeCart, database, shelves, call, published } = await startTestOrders(t);
    const { status, body } = await checkout(await makeCart(), { key: "key-1", simulate });
    assert.equal(status, 422);
    assert.equal(body["code"], code);
    const order = await call("GET", `/orders/${body["order_id"]}`);
    assert.equal(order.body.state, "cancelled");
    assert.equal(order.body.history.at(-1)?.reason, code);
    assert.deepEqual(
      await database.query("select from simulated_charges where state = 'charged'"),
      [],
    );
    await until(() => shelves.stock.get("mug") === 10, { what: "the stock to be released" });
    await until(() => published.length === 3, { what: "the messages" });
    assert.deepEqual(
      published.map(({ type }) => type),
      ["shop.order.created.v1", "shop.order.payment_failed.v1", "shop.order.cancelled.v1"],
    );
  });
}

test("without the product service: 503, nothing half done, and the same key works afterwards", async (t) => {
  const { checkout, makeCart, database, shelves } = await startTestOrders(t);
  const cart = await makeCart();
  shelves.isDown = true;
  const refused = await checkout(cart, { key: "key-1" });
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.deepEqual(await database.query("select from orders"), []);
  assert.deepEqual(await database.query("select from outbox"), []);
  shelves.isDown = false;
  assert.equal((await checkout(cart, { key: "key-1" })).status, 201);
  await until(async () => (await database.query("select from checkouts")).length === 1, {
    what: "the abandoned checkout to be removed",
  });
});

test("a reservation whose answer was lost is released", async (t) => {
  const { checkout, makeCart, database, shelves } = await startTestOrders(t);
  shelves.losesAnswers = true;
  assert.equal((await checkout(await makeCart())).status, 503);
  assert.equal(shelves.stock.get("mug"), 9);
  shelves.losesAnswers = false;
  await until(() => shelves.stock.get("mug") === 10, { what: "the reservation to be released" });
  await until(async () => (await database.query("select from checkouts")).length === 0, {
    what: "the abandoned checkout to be removed",
  });
});

test("a request without a key, with an empty cart or without a cart is refused", async (t) => {
  const { checkout, makeCart, call } = await startTestOrders(t);
  const cart = await makeCart({});
  assert.equal((await checkout(cart)).body["code"], "cart_empty");
  assert.equal((await checkout(crypto.randomUUID())).status, 404);
  const noKey = await call("POST", "/checkouts", {
    body: {
      cart_id: cart,
      user_id: "ayse",
      email: "ayse@example.com",
      language: "en",
      payment: { method: "card", simulate: "success" },
    },
  });
  assert.equal(noKey.status, 400);
  const price = await call("PUT", `/carts/${cart}/items/mug`, {
    body: { quantity: 1, price: "0" },
  });
  assert.equal(price.status, 400);
});
