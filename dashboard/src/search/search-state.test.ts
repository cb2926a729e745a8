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
  term: "",
  category: null,
  priceFrom: null,
  priceTo: null,
  hybrid: false,
  model: null,
  beside: null,
};

test("the address keeps every query unchanged", () => {
  const states: SearchState[] = [
    nothing,
    { ...nothing, term: "kırmızı kupa & çay" },
    { ...nothing, mode: "product", term: "85123A/x" },
    { ...nothing, mode: "user" },
    {
      mode: "text",
      term: "mug ",
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

test("invalid parameters of an address are ignored, and long ones are truncated", () => {
  const query = new URLSearchParams("user=u1&price_from=-3&price_to=ten&category=%20&hybrid=yes");
  assert.deepEqual(readSearchState(query), { ...nothing, mode: "user", term: "u1" });
  const long = readSearchState(new URLSearchParams({ product: "x".repeat(9_999) }));
  assert.equal(long.term.length, 256);
});

test("the link of other screens to a product is a search for similar products", () => {
  const { search } = new URL(similarPath("85123A/x & y"), "http://weir");
  const state = readSearchState(new URLSearchParams(search));
  assert.deepEqual(state, { ...nothing, mode: "product", term: "85123A/x & y" });
});

test("a price may have a decimal comma", () => {
  assert.deepEqual(["4,50", "4.50", " 0 ", "", "-1", "x"].map(readPrice), [
    4.5,
    4.5,
    0,
    null,
    null,
    null,
  ]);
});

test("the request of a text has the filters that are set, and no others", () => {
  const requestOf = (state: Partial<SearchState>, model: string | null = null) => {
    const key = keyOf({ ...nothing, ...state }, model);
    return key === null ? null : questionOf(key);
  };
  const search = (body: object) => ({ method: "POST", path: "/api/search", body });
  assert.equal(requestOf({ term: "  " }), null);
  assert.deepEqual(requestOf({ term: " tea mug " }), search({ text: "tea mug", limit: 20 }));
  assert.deepEqual(
    requestOf({ term: "mug", category: "Tableware", priceTo: 9, hybrid: true }, "lsa-1"),
    search({
      text: "mug",
      limit: 20,
      filter: { category: ["Tableware"], price: { lte: 9 } },
      hybrid: true,
      model: "lsa-1",
    }),
  );
});

test("the ids of products and users are encoded in the path", () => {
  assert.equal(
    keyOf({ ...nothing, mode: "product", term: "a/b c", priceFrom: 2 }, "m"),
    "/api/products/a%2Fb%20c/similar?price_gte=2&model=m&limit=20",
  );
  assert.equal(
    keyOf({ ...nothing, mode: "user", term: "ü1", category: "A&B" }, null),
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

test("two lists are compared by the rank of each product", () => {
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

test("the highest counts are shown", () => {
  const counts = { view: 4, cart: 9, purchase: 4, refund: 0, share: 1 };
  assert.deepEqual(busiestCounts(counts, 3), [
    ["cart", 9],
    ["purchase", 4],
    ["view", 4],
  ]);
});

test("a minimum price above the maximum is not sent; equal prices are", () => {
  const between = (priceFrom: number, priceTo: number) =>
    keyOf({ ...nothing, term: "mug", priceFrom, priceTo }, null);
  assert.equal(between(9, 1), null);
  assert.notEqual(between(9, 9), null);
  assert.notEqual(between(9, 15), null);
});
