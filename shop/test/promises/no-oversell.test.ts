/** The last items of a product are sold once, whatever happens at the same time. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type TestContext, test } from "node:test";
import { createShopDatabases, queryShop } from "../helpers/databases.ts";
import { buildShopWith } from "../helpers/mutated-build.ts";
import {
  type Answer,
  callProducts,
  type ProductCalls,
  product,
  productEnvironment,
} from "../helpers/products.ts";
import { type ShopProcess, startShopProcess } from "../helpers/services.ts";

/** Checkouts at the same time; 1,000 by hand. */
const checkouts = Number(process.env["WEIR_TEST_SHOP_CHECKOUTS"] ?? 120);
const lastItems = 10;

interface Shop {
  readonly databaseUrl: string;
  readonly processes: readonly ShopProcess[];
  readonly one: ProductCalls;
  readonly other: ProductCalls;
}

/** Two processes of the product service on one database, without a sweep. */
async function startShop(t: TestContext, main?: string): Promise<Shop> {
  const { products } = await createShopDatabases(t, ["products"]);
  const environment = { ...productEnvironment(products), SHOP_PRODUCTS_SWEEP_SECONDS: "3600" };
  const options = { names: ["products"], environment, ...(main === undefined ? {} : { main }) };
  const processes = await Promise.all([1, 2].map(() => startShopProcess(t, options)));
  const [one, other] = processes.map(({ urls }) => callProducts(urls["products"] ?? ""));
  assert.ok(one !== undefined && other !== undefined);
  return { databaseUrl: products, processes, one, other };
}

/** Half of the checkouts at each process, all at the same time. Returns those that hold the item. */
async function checkOutTogether({ one, other }: Shop, id: string): Promise<readonly string[]> {
  const orders = Array.from({ length: checkouts }, () => randomUUID());
  const answers = await Promise.all(
    orders.map((order, index) => (index % 2 === 0 ? one : other).reserve(order, { [id]: 1 })),
  );
  for (const answer of answers) {
    const refused = answer.status === 409 && answer.body.code === "out_of_stock";
    assert.ok(answer.status === 201 || refused, JSON.stringify(answer.body));
  }
  return orders.filter((_, index) => answers[index]?.status === 201);
}

test("of the last 10 items exactly 10 are sold to many checkouts at once, at two processes", async (t) => {
  const shop = await startShop(t);
  const { one, other } = shop;
  await one.admin("POST", "/products", product("last", { stock: lastItems }));
  const holders = await checkOutTogether(shop, "last");
  assert.equal(holders.length, lastItems);
  const confirmed = await Promise.all(
    holders.flatMap((order) =>
      [one, other].map((client) => client.orders(`/reservations/${order}/confirm`)),
    ),
  );
  for (const answer of confirmed) assert.equal(answer.status, 200);
  assert.deepEqual(await queryShop(shop.databaseUrl, "select stock from products"), [{ stock: 0 }]);
  assert.deepEqual(await queryShop(shop.databaseUrl, "select from holds"), []);
});

test("control: without the lock of the product, more than 10 are sold", async (t) => {
  const main = await buildShopWith(t, [
    {
      in: "src/products/reservations.ts",
      from: '"select from products where id = any($1) order by id for no key update"',
      to: '"select from products where id = any($1)"',
    },
  ]);
  const shop = await startShop(t, main);
  // one round is enough almost always
  for (let round = 0; round < 50; round += 1) {
    await shop.one.admin("POST", "/products", product(`last-${round}`));
    const holders = await checkOutTogether(shop, `last-${round}`);
    if (holders.length > lastItems) return;
  }
  assert.fail("the mistake was not noticed");
});

test("a process that is killed during the checkouts costs no item and sells none twice", async (t) => {
  const shop = await startShop(t);
  const { one: dying, other: kept } = shop;
  const [first] = shop.processes;
  // orders of two products, in both orders: no two may wait for each other
  await kept.admin("POST", "/products", product("left", { stock: lastItems }));
  await kept.admin("POST", "/products", product("right", { stock: lastItems }));
  const orders = Array.from({ length: checkouts }, (_, index) => ({
    id: randomUUID(),
    items: index % 2 === 0 ? { left: 1, right: 1 } : { right: 1, left: 1 },
  }));
  let answered = 0;
  let killed: Promise<void> | undefined;
  const answers = await Promise.all(
    orders.map(async ({ id, items }, index): Promise<Answer> => {
      const client = index % 2 === 0 ? kept : dying;
      try {
        return await client.reserve(id, items);
      } catch {
        // the order service tries again, and may not know whether the first try was done
        return kept.reserve(id, items);
      } finally {
        answered += 1;
        if (answered >= checkouts / 4) killed ??= first?.kill();
      }
    }),
  );
  await killed;
  for (const { status, body } of answers) {
    assert.ok(status === 201 || body.code === "out_of_stock", JSON.stringify(body));
  }
  const holders = orders.filter((_, index) => answers[index]?.status === 201);
  // every order asks again: the same orders hold the items, and no other got any
  for (const { id, items } of holders) assert.equal((await kept.reserve(id, items)).status, 201);
  assert.equal(holders.length, lastItems);
  const held = await queryShop(
    shop.databaseUrl,
    "select product_id, sum(quantity)::int as held from holds group by 1 order by 1",
  );
  assert.deepEqual(held, [
    { product_id: "left", held: lastItems },
    { product_id: "right", held: lastItems },
  ]);
});
