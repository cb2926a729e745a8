import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import {
  emptyCatalogue,
  type ProductClient,
  product,
  startProductService,
} from "../../test/helpers/products.ts";

const shared = await startProductService({ after });

async function emptyShop(): Promise<ProductClient> {
  await emptyCatalogue(shared);
  return shared;
}

test("a product is added, read, changed and removed, and its id can be used again", async () => {
  const shop = await emptyShop();
  const added = await shop.admin("POST", "/products", product("A-1", { description: "Of oak." }));
  assert.equal(added.status, 201);
  assert.equal(added.headers.get("location"), "/products/A-1");
  const { updated_at, ...rest } = added.body;
  assert.ok(Date.parse(updated_at) > 0);
  assert.deepEqual(rest, {
    id: "A-1",
    name: "Product A-1",
    description: "Of oak.",
    category: "Home",
    price: "2.50",
    currency: "GBP",
    stock: 10,
  });
  assert.deepEqual((await shop.get("/products/A-1")).body, added.body);
  const again = await shop.admin("POST", "/products", product("A-1"));
  assert.deepEqual([again.status, again.body.code], [409, "product_exists"]);

  const changed = await shop.admin("PATCH", "/products/A-1", { price: "3", stock: 4 });
  assert.deepEqual([changed.body.price, changed.body.stock], ["3.00", 4]);
  assert.deepEqual((await shop.get("/products/A-1")).body, changed.body);

  assert.equal((await shop.admin("DELETE", "/products/A-1")).status, 204);
  assert.equal((await shop.get("/products/A-1")).status, 404);
  assert.equal((await shop.admin("DELETE", "/products/A-1")).status, 404);
  assert.equal((await shop.admin("PATCH", "/products/A-1", { price: "3" })).status, 404);
  assert.deepEqual((await shop.get("/products")).body, { items: [], next: null });

  assert.equal((await shop.admin("POST", "/products", product("A-1"))).status, 201);
  assert.equal((await shop.get("/products/A-1")).body.description, "");
});

test("a detail comes from the cache until it changes; what does not exist is remembered too", async () => {
  const shop = await emptyShop();
  const cached = async () => {
    const { status, headers, body } = await shop.get("/products/C-1");
    return [status, headers.get("x-cache"), body.price];
  };
  assert.deepEqual(await cached(), [404, "miss", undefined]);
  assert.deepEqual(await cached(), [404, "hit", undefined]);
  await shop.admin("POST", "/products", product("C-1"));
  assert.deepEqual(await cached(), [200, "miss", "2.50"]);
  assert.deepEqual(await cached(), [200, "hit", "2.50"]);
  await shop.admin("PATCH", "/products/C-1", { price: "9.99" });
  assert.deepEqual(await cached(), [200, "miss", "9.99"]);
  await shop.reserve(randomUUID(), { "C-1": 3 });
  const { body, headers } = await shop.get("/products/C-1");
  assert.deepEqual([headers.get("x-cache"), body.stock], ["miss", 7]);
});

test("lists are filtered by category, price and words of the name", async () => {
  const shop = await emptyShop();
  const offered = [
    product("1", { name: "Red Tea Light Holder", category: "Lights", price: "2.95" }),
    product("2", { name: "White Hanging Heart", category: "Decoration", price: "0.85" }),
    product("3", { name: "100%_Cotton Tea Towel", category: "Kitchen", price: "10.00" }),
    product("4", { name: "Blue Tealight", category: "Lights", price: "9.50" }),
  ];
  for (const one of offered) await shop.admin("POST", "/products", one);
  const ids = async (query: string) => {
    const { status, body } = await shop.get(`/products?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body.items.map(({ id }: { id: string }) => id).join();
  };
  assert.equal(await ids("category=Lights&sort=price"), "1,4");
  assert.equal(await ids("min_price=2.95&max_price=9.5&sort=price"), "1,4");
  assert.equal(await ids("sort=-price"), "3,4,1,2");
  assert.equal(await ids("q=tea%20LIGHT&sort=price"), "1,4");
  assert.equal(await ids("q=%25_"), "3");
  assert.equal(await ids("q=%27;drop%20table%20products"), "");
  assert.equal(await ids("sort=newest&limit=2"), "4,3");
  assert.deepEqual((await shop.get("/categories")).body, {
    items: [
      { name: "Decoration", products: 1 },
      { name: "Kitchen", products: 1 },
      { name: "Lights", products: 2 },
    ],
    next: null,
  });
});

test("pages by cursor contain every product once, whatever is added or removed meanwhile", async () => {
  const shop = await emptyShop();
  const ids = Array.from({ length: 25 }, (_, index) => `P${String(index).padStart(2, "0")}`);
  // many ties in the name and the price
  for (const [index, id] of ids.entries()) {
    const name = `Mug ${index % 3}`;
    await shop.admin("POST", "/products", product(id, { name, price: `${index % 4}.00` }));
  }
  for (const sort of ["name", "price", "-price", "newest"]) {
    const seen: string[] = [];
    let after = "";
    do {
      const { body } = await shop.get(`/products?sort=${sort}&limit=4${after}`);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      after = body.next === null ? "" : `&after=${body.next}`;
      if (seen.length === 8) {
        const extra = product(`X-${sort}`, { name: "Mug 0", price: "0.00" });
        await shop.admin("POST", "/products", extra);
        await shop.admin("DELETE", `/products/X-${sort}`);
      }
    } while (after !== "");
    assert.deepEqual(seen.toSorted(), ids, sort);
  }
});

test("a cursor that was changed, or belongs to other filters, is refused", async () => {
  const shop = await emptyShop();
  for (const id of ["1", "2", "3"]) await shop.admin("POST", "/products", product(id));
  const { next } = (await shop.get("/products?limit=1")).body;
  assert.equal((await shop.get(`/products?limit=2&after=${next}`)).status, 200);
  const wrong = [`after=${next.slice(1)}`, "after=x", `sort=price&after=${next}`, `after=${next}A`];
  for (const query of wrong) {
    const { status, body } = await shop.get(`/products?limit=1&${query}`);
    assert.deepEqual([status, body.code], [400, "invalid_request"], query);
  }
});

test("wrong requests are refused with the member, and changes only with the right token", async () => {
  const shop = await emptyShop();
  const wrong: [unknown, RegExp][] = [
    [product("A 1"), /body: id must match/],
    [product("1", { price: 2.5 }), /body: price must be string/],
    [product("1", { price: "2.555" }), /body: price must match/],
    [product("1", { price: "-1" }), /body: price must match/],
    [product("1", { stock: -1 }), /body: stock must be >= 0/],
    [product("1", { colour: "red" }), /unknown member "colour"/],
    [product("1", { name: "a\u0000b" }), /U\+0000/],
  ];
  for (const [body, detail] of wrong) {
    const answer = await shop.admin("POST", "/products", body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.match(answer.body.detail, detail);
  }
  for (const query of ["limit=0", "limit=1000", "sort=stock", "min_price=cheap", "colour=red"]) {
    assert.equal((await shop.get(`/products?${query}`)).status, 400, query);
  }
  assert.equal((await shop.orders("/products")).status, 403);
  const url = `${shop.service.url}/products/1`;
  assert.equal((await fetch(url, { method: "DELETE" })).status, 401);
  assert.equal((await shop.admin("POST", "/reservations", {})).status, 403);
});

test("a new service offers the catalogue of the sample, once", async (t) => {
  const shop = await startProductService(t, { SHOP_PRODUCTS_SEED: "on" });
  const { body } = await shop.get("/products/85123A");
  assert.equal(body.name, "White Hanging Heart T-Light Holder");
  assert.equal(body.price, "2.95");
  const { items } = (await shop.get("/categories")).body;
  assert.ok(items.length >= 10);
});

test("with the cache switched off, each detail comes from the database", async (t) => {
  const shop = await startProductService(t, { SHOP_PRODUCTS_CACHE: "off" });
  await shop.admin("POST", "/products", product("A"));
  for (const price of ["1.00", "2.00"]) {
    await shop.admin("PATCH", "/products/A", { price });
    const { headers, body } = await shop.get("/products/A");
    assert.deepEqual([headers.get("x-cache"), body.price], ["bypass", price]);
  }
});
