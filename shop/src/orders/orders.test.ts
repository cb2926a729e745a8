import assert from "node:assert/strict";
import { after, test } from "node:test";
import { until } from "../../../testing/until.ts";
import { startTestOrders } from "../../test/helpers/orders.ts";
import { allowedTransitions, orderActions, orderStates, targetOf } from "./order-states.ts";

const shop = await startTestOrders({ after });

test("every action on every state does what the table says", async () => {
  const { call, checkout, makeCart, database } = shop;
  const { body: order } = await checkout(await makeCart());
  for (const state of orderStates) {
    for (const action of orderActions) {
      await database.query("update orders set state = $2 where id = $1", [order.id, state]);
      const before = await historyLength(order.id);
      const answer = await call("POST", `/orders/${order.id}/${action}`);
      const isAllowed = state !== "created" && allowedTransitions[state].includes(targetOf[action]);
      if (isAllowed) {
        assert.equal(answer.status, 200, `${action} in ${state}`);
        assert.equal(answer.body.state, targetOf[action]);
      } else if (state === targetOf[action]) {
        assert.equal(answer.status, 200, `${action} in ${state} again`);
      } else {
        assert.equal(answer.status, 409, `${action} in ${state}`);
        assert.equal(answer.body["code"], "transition_not_allowed");
        assert.equal(answer.body.state, state);
        assert.ok(Array.isArray(answer.body["allowed"]));
      }
      assert.equal((await historyLength(order.id)) - before, isAllowed ? 1 : 0);
    }
  }

  async function historyLength(id: string): Promise<number> {
    return (await database.query("select from order_history where order_id = $1", [id])).length;
  }
});

test("a refused action names the allowed ones", async () => {
  const { call, checkout, makeCart } = shop;
  const { body: order } = await checkout(await makeCart());
  const answer = await call("POST", `/orders/${order.id}/deliver`);
  assert.equal(answer.status, 409);
  assert.deepEqual(answer.body["allowed"], ["ship", "cancel", "refund"]);
});

test("concurrent actions on an order have one effect", async () => {
  const { call, checkout, makeCart, database, published } = shop;
  const { body: order } = await checkout(await makeCart());
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, n) =>
      call("POST", `/orders/${order.id}/${n % 2 === 0 ? "ship" : "cancel"}`),
    ),
  );
  const { body: after } = await call("GET", `/orders/${order.id}`);
  assert.ok(after.state === "shipped" || after.state === "cancelled");
  for (const { status, body } of answers) {
    assert.ok(status === 409 || body.state === after.state);
  }
  assert.equal(after.history.length, 3);
  const waiting = () =>
    database.query("select from outbox where order_id = $1 and sent_at is null", [order.id]);
  await until(async () => (await waiting()).length === 0, { what: "an empty outbox" });
  const own = published.filter(({ subject }) => subject === order.id);
  assert.equal(own.length, 3);
});

test("cancelling or refunding a paid order returns the money once, cancelling also the stock", async () => {
  const { call, checkout, makeCart, database, events, shelves } = shop;
  for (const action of ["cancel", "refund"]) {
    const { body: order } = await checkout(await makeCart({ lamp: 1 }));
    await call("POST", `/orders/${order.id}/${action}`);
    await call("POST", `/orders/${order.id}/${action}`);
    await until(
      async () => {
        const [charge] = await database.query<{ state: string }>(
          "select state from simulated_charges where order_id = $1",
          [order.id],
        );
        return charge?.state === "refunded";
      },
      { what: `the money of ${action}` },
    );
    const stock = action === "cancel" ? 5 : 4;
    await until(() => shelves.stock.get("lamp") === stock, { what: `the stock after ${action}` });
    const refund = await until(() => events.get(`${order.id}:refund`), { what: "the refund" });
    assert.equal(refund["event_type"], "refund");
  }
});

test("the orders of a user are listed newest first, page by page, and no other user's", async () => {
  const { call, checkout, makeCart } = shop;
  const ids: string[] = [];
  for (let n = 0; n < 5; n++)
    ids.unshift((await checkout(await makeCart(), { user: "can" })).body.id);
  const { body: foreign } = await checkout(await makeCart(), { user: "bora" });

  const listed: unknown[] = [];
  let after = "";
  do {
    const { body } = await call("GET", `/orders?user_id=can&limit=2${after}`);
    listed.push(...body.items.map((item) => Object(item).id));
    after = body["next"] === null ? "" : `&after=${body["next"]}`;
  } while (after !== "");
  assert.deepEqual(listed, ids);

  assert.equal((await call("GET", "/orders")).status, 400);
  assert.equal((await call("GET", "/orders?user_id=ayse&after=x")).status, 400);
  assert.equal((await call("GET", `/orders/${foreign.id}?user_id=bora`)).status, 200);
  assert.equal((await call("GET", `/orders/${foreign.id}?user_id=can`)).status, 404);
  assert.equal((await call("GET", `/orders/${crypto.randomUUID()}`)).status, 404);
});

test("only the storefront's token is accepted", async () => {
  const { url } = shop;
  const paths = ["/orders?user_id=ayse", `/orders/${crypto.randomUUID()}`, "/carts/x"];
  for (const path of paths) {
    for (const authorization of ["", "Bearer wrong-token-of-somewhere", "Basic x"]) {
      const { status } = await fetch(`${url}${path}`, { headers: { authorization } });
      assert.equal(status, 401, `${path} ${authorization}`);
    }
  }
  assert.equal((await fetch(`${url}/health/ready`)).status, 200);
});
