import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { until } from "../../../testing/until.ts";
import { queryShop } from "../../test/helpers/databases.ts";
import {
  emptyCatalogue,
  type ProductClient,
  product,
  startProductService,
} from "../../test/helpers/products.ts";

/** Without a sweep. */
const shared = await startProductService({ after }, { SHOP_PRODUCTS_SWEEP_SECONDS: "3600" });

/** The shared service with these products alone, or another one. */
async function shopWith(
  stock: Readonly<Record<string, number>>,
  shop = shared,
): Promise<ProductClient> {
  await emptyCatalogue(shop);
  for (const [id, count] of Object.entries(stock)) {
    await shop.admin("POST", "/products", product(id, { stock: count }));
  }
  return shop;
}

const stockOf = async (shop: ProductClient, id: string): Promise<number> =>
  (await shop.get(`/products/${id}`)).body.stock;

/** As if the time had passed. */
const expire = (shop: ProductClient, order: string) =>
  queryShop(
    shop.databaseUrl,
    `with hold as (update holds set expires_at = now() - interval '1 s' where order_id = $1)
     update reservations set expires_at = now() - interval '1 s' where order_id = $1`,
    [order],
  );

test("a reservation holds stock at the price of the database, and answers a repetition the same", async () => {
  const shop = await shopWith({ A: 5, B: 5 });
  const order = randomUUID();
  const first = await shop.reserve(order, { B: 2, A: 1 });
  assert.equal(first.status, 201, JSON.stringify(first.body));
  assert.deepEqual(first.body.items, [
    {
      name: "Product A",
      price: "2.50",
      category: "Home",
      currency: "GBP",
      quantity: 1,
      product_id: "A",
    },
    {
      name: "Product B",
      price: "2.50",
      category: "Home",
      currency: "GBP",
      quantity: 2,
      product_id: "B",
    },
  ]);
  assert.ok(Date.parse(first.body.expires_at) > Date.now());
  await shop.admin("PATCH", "/products/A", { price: "7.00" });
  const repeated = await Promise.all([1, 2, 3].map(() => shop.reserve(order, { A: 1, B: 2 })));
  for (const answer of repeated) assert.deepEqual(answer.body, first.body);
  assert.deepEqual([await stockOf(shop, "A"), await stockOf(shop, "B")], [4, 3]);
  const other = await shop.reserve(order, { A: 2 });
  assert.deepEqual([other.status, other.body.code], [409, "reservation_conflict"]);
});

test("an order holds all of its items or none, and hears what is missing", async () => {
  const shop = await shopWith({ A: 5, B: 1 });
  const answer = await shop.reserve(randomUUID(), { A: 2, B: 2 });
  assert.deepEqual([answer.status, answer.body.code], [409, "out_of_stock"]);
  assert.deepEqual(answer.body.items, [{ product_id: "B", quantity: 2, available: 1 }]);
  assert.deepEqual([await stockOf(shop, "A"), await stockOf(shop, "B")], [5, 1]);
  const unknown = await shop.reserve(randomUUID(), { A: 1, C: 1 });
  assert.deepEqual([unknown.status, unknown.body.code], [404, "not_found"]);
  const { orders } = shop;
  assert.equal((await orders(`/reservations/${randomUUID()}/confirm`)).status, 404);
  assert.equal((await orders("/reservations/7/confirm")).status, 400);
});

test("confirming takes the stock once, releasing gives it back once, in any repetition", async () => {
  const shop = await shopWith({ A: 5 });
  const order = randomUUID();
  const post = (what: string) => shop.orders(`/reservations/${order}/${what}`);
  await shop.reserve(order, { A: 2 });
  for (let count = 0; count < 3; count += 1) {
    assert.deepEqual((await post("confirm")).body, { order_id: order, state: "confirmed" });
  }
  assert.equal(await stockOf(shop, "A"), 3);
  assert.equal((await shop.reserve(order, { A: 2 })).status, 201);
  assert.equal(await stockOf(shop, "A"), 3);
  for (let count = 0; count < 3; count += 1) {
    assert.deepEqual((await post("release")).body, { order_id: order, state: "released" });
  }
  assert.equal(await stockOf(shop, "A"), 5);
  const late = [await post("confirm"), await shop.reserve(order, { A: 2 })];
  assert.deepEqual(
    late.map(({ body }) => body.code),
    ["reservation_released", "reservation_released"],
  );
});

test("after a release nothing is held, also when the reservation arrives after it", async () => {
  const shop = await shopWith({ A: 5 });
  const order = randomUUID();
  assert.equal((await shop.orders(`/reservations/${order}/release`)).status, 200);
  assert.equal((await shop.reserve(order, { A: 2 })).body.code, "reservation_released");
  assert.equal(await stockOf(shop, "A"), 5);
});

test("what expired can be bought at once, with no sweep running", async () => {
  const shop = await shopWith({ A: 2 });
  const [slow, quick] = [randomUUID(), randomUUID()];
  await shop.reserve(slow, { A: 2 });
  assert.equal((await shop.reserve(quick, { A: 1 })).status, 409);
  await expire(shop, slow);
  assert.equal((await shop.reserve(quick, { A: 1 })).status, 201);
  const late = await shop.orders(`/reservations/${slow}/confirm`);
  assert.deepEqual([late.status, late.body.code], [409, "reservation_expired"]);
  assert.deepEqual(late.body.items, [{ product_id: "A", quantity: 2, available: 1 }]);
  // the order may try again, and then hears what is left
  assert.equal((await shop.reserve(slow, { A: 2 })).body.code, "out_of_stock");
  await shop.orders(`/reservations/${quick}/release`);
  assert.equal((await shop.reserve(slow, { A: 2 })).status, 201);
});

test("a confirmation after the expiry succeeds while the stock is there", async () => {
  const shop = await shopWith({ A: 2 });
  const [late, gone] = [randomUUID(), randomUUID()];
  await shop.reserve(late, { A: 1 });
  await shop.reserve(gone, { A: 1 });
  await expire(shop, late);
  await expire(shop, gone);
  assert.equal((await shop.orders(`/reservations/${late}/confirm`)).status, 200);
  const again = await shop.reserve(gone, { A: 1 });
  assert.ok(Date.parse(again.body.expires_at) > Date.now(), "it is held again, for its full time");
  assert.equal(await stockOf(shop, "A"), 0);
});

test("the sweep gives expired stock back, and readers see it", async (t) => {
  const shop = await shopWith(
    { A: 2 },
    await startProductService(t, { SHOP_PRODUCTS_SWEEP_SECONDS: "1" }),
  );
  const order = randomUUID();
  await shop.reserve(order, { A: 2 });
  assert.equal(await stockOf(shop, "A"), 0);
  await expire(shop, order);
  await until(async () => (await stockOf(shop, "A")) === 2, { what: "the stock to return" });
  const rows = await queryShop(shop.databaseUrl, "select state from reservations");
  assert.deepEqual(rows, [{ state: "expired" }]);
});

test("a change of the stock by an administrator leaves what is held alone", async () => {
  const shop = await shopWith({ A: 5 });
  const [held, next] = [randomUUID(), randomUUID()];
  await shop.reserve(held, { A: 4 });
  assert.equal((await shop.admin("PATCH", "/products/A", { stock: 2 })).body.stock, 2);
  await shop.reserve(next, { A: 2 });
  await shop.admin("DELETE", "/products/A");
  await shop.admin("POST", "/products", product("A", { stock: 1 }));
  for (const order of [held, next]) {
    assert.equal((await shop.orders(`/reservations/${order}/confirm`)).status, 200);
  }
  assert.equal(await stockOf(shop, "A"), 1);
});

test("the supplier of a shown shop delivers what is nearly sold out", async (t) => {
  const shop = await startProductService(t, {
    SHOP_PRODUCTS_SWEEP_SECONDS: "1",
    SHOP_PRODUCTS_RESTOCK_BY: "50",
  });
  await shopWith({ A: 12, B: 30 }, shop);
  await shop.reserve(randomUUID(), { A: 5 });
  assert.equal(await stockOf(shop, "A"), 7, "what is held is still on hand");
  const order = randomUUID();
  await shop.reserve(order, { A: 3 });
  await shop.orders(`/reservations/${order}/confirm`);
  await until(async () => (await stockOf(shop, "A")) === 54, { what: "the delivery" });
  assert.equal(await stockOf(shop, "B"), 30);
});
