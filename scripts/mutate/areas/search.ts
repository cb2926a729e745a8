import type { Area } from "../mutant.ts";

const searcher = "server/src/parts/search/searcher.ts";
const products = "server/src/parts/search/products.ts";
const ngrams = "server/src/parts/search/ngrams.ts";
const lexical = "server/src/parts/search/lexical.ts";
const best = "server/src/adapters/vectors/embedded/index/best.ts";

/** A search is answered by one model, whole, and ranked right. */
export const search: Area = {
  name: "search",
  sources: [searcher, lexical, products, ngrams, best],
  tests: [
    "server/src/parts/search/ngrams.test.ts",
    "server/src/parts/search/lexical.test.ts",
    "server/src/adapters/vectors/embedded/index/collection.test.ts",
    "server/src/parts/search/search.test.ts",
  ],
  mutations: [
    {
      in: products,
      from: "if (price?.gte !== undefined || price?.lte !== undefined) {",
      to: "if (price !== undefined) {",
    },
    { in: products, from: "must_not: [{ has_id: without }]", to: "must_not: []" },
    { in: searcher, from: "isFilled: !model.filling.includes(purpose)", to: "isFilled: true" },
    { in: lexical, from: "b.similarity - a.similarity", to: "a.similarity - b.similarity" },
    { in: lexical, from: ".filter(({ similarity }) => similarity >= leastSimilarity)", to: "" },
    {
      in: best,
      from: "(scores[b] ?? 0) - (scores[a] ?? 0)",
      to: "(scores[a] ?? 0) - (scores[b] ?? 0)",
    },
    { in: best, from: "order.length = Math.min(order.length, limit);", to: "" },
  ],
  equivalent: [],
};
