import assert from "node:assert/strict";
import { test } from "node:test";
import type { FoundProduct } from "@weir/protocol";
import { questionOf } from "../data/question.ts";
import { similarPath } from "../frame/screens.ts";
import { busiestCounts, categoriesOf, ranksOf, sharedOf } from "./ranks.ts";
import {
  keyOf,
  readPrice,
  readSearchState,
  type SearchState,
  writeSearchState,
} from "./search-state.ts";

const nothing: SearchState = {
  mode: "text",
  asked: "",
  category: null,
  priceFrom: null,
  priceTo: null,
  hybrid: false,
  model: null,
  beside: null,
};

test("the address keeps every question as it was asked", () => {
  const states: SearchState[] = [
    nothing,
    { ...nothing, asked: "kırmızı kupa & çay" },
    { ...nothing, mode: "product", asked: "85123A/x" },
    { ...nothing, mode: "user" },
    {
      mode: "text",
      asked: "mug ",
      category: "Tableware",
      priceFrom: 0,
      priceTo: 9.5,
      hybrid: true,
      model: "lsa-1",
      beside: "mini",
    },
  ];
  for (const state of states) {
    const text = writeSearchState(state).toString();
    assert.deepEqual(readSearchState(new URLSearchParams(text)), state, text);
  }
});

test("an address that somebody wrote by hand asks what can be read of it", () => {
  const query = new URLSearchParams("user=u1&price_from=-3&price_to=ten&category=%20&hybrid=yes");
  assert.deepEqual(readSearchState(query), { ...nothing, mode: "user", asked: "u1" });
  const long = readSearchState(new URLSearchParams({ product: "x".repeat(9_999) }));
  assert.equal(long.asked.length, 256);
});

test("what other pages link to is a question about that product", () => {
  const { search } = new URL(similarPath("85123A/x & y"), "http://weir");
  const state = readSearchState(new URLSearchParams(search));
  assert.deepEqual(state, { ...nothing, mode: "product", asked: "85123A/x & y" });
});

test("a price may be typed with a comma", () => {
  assert.deepEqual(["4,50", "4.50", " 0 ", "", "-1", "x"].map(readPrice), [
    4.5,
    4.5,
    0,
    null,
    null,
    null,
  ]);
});

test("a text is asked with what narrows it, and with nothing else", () => {
  const asked = (state: Partial<SearchState>, model: string | null = null) => {
    const key = keyOf({ ...nothing, ...state }, model);
    return key === null ? null : questionOf(key);
  };
  const search = (body: object) => ({ method: "POST", path: "/api/search", body });
  assert.equal(asked({ asked: "  " }), null);
  assert.deepEqual(asked({ asked: " tea mug " }), search({ text: "tea mug", limit: 20 }));
  assert.deepEqual(
    asked({ asked: "mug", category: "Tableware", priceTo: 9, hybrid: true }, "lsa-1"),
    search({
      text: "mug",
      limit: 20,
      filter: { category: ["Tableware"], price: { lte: 9 } },
      hybrid: true,
      model: "lsa-1",
    }),
  );
});

test("products and users are asked for by their id, whatever signs it has", () => {
  assert.equal(
    keyOf({ ...nothing, mode: "product", asked: "a/b c", priceFrom: 2 }, "m"),
    "/api/products/a%2Fb%20c/similar?price_gte=2&model=m&limit=20",
  );
  assert.equal(
    keyOf({ ...nothing, mode: "user", asked: "ü1", category: "A&B" }, null),
    "/api/users/%C3%BC1/recommendations?category=A%26B&limit=20",
  );
});

function product(id: string, more: Partial<FoundProduct> = {}): FoundProduct {
  return {
    product_id: id,
    score: 0.5,
    name: null,
    category: null,
    price: null,
    currency: null,
    first_seen: null,
    last_seen: null,
    counts: {},
    ...more,
  };
}

test("two lists are compared by where each product stands", () => {
  const one = [product("a"), product("b"), product("c")];
  const other = [product("c"), product("d"), product("a")];
  assert.deepEqual(
    [...ranksOf(other)],
    [
      ["c", 1],
      ["d", 2],
      ["a", 3],
    ],
  );
  assert.equal(sharedOf(one, other), 2);
  assert.equal(sharedOf(one, []), 0);
});

test("the filter offers the categories of the results, each once", () => {
  const list = [
    product("a", { category: "Tea" }),
    product("b"),
    product("c", { category: "Cups" }),
  ];
  assert.deepEqual(categoriesOf([list, [product("d", { category: "Tea" })]]), ["Cups", "Tea"]);
});

test("of the counts, those that are highest are shown", () => {
  const counts = { view: 4, cart: 9, purchase: 4, refund: 0, share: 1 };
  assert.deepEqual(busiestCounts(counts, 3), [
    ["cart", 9],
    ["purchase", 4],
    ["view", 4],
  ]);
});

test("prices upside down, as while somebody types, are not asked for; equal ones are", () => {
  const between = (priceFrom: number, priceTo: number) =>
    keyOf({ ...nothing, asked: "mug", priceFrom, priceTo }, null);
  assert.equal(between(9, 1), null);
  assert.notEqual(between(9, 9), null);
  assert.notEqual(between(9, 15), null);
});
