/** The purpose of the embedder: altered names find their product. Runs without coverage, which slows a fit tenfold. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { alteredNames } from "../../../testing/quality/altered-names.ts";
import { rankOf } from "../../../testing/quality/nearest.ts";
import { createEmbedder, fitLsa } from "../../src/adapters/embeddings/embedders.ts";
import { parseRetail } from "../../src/parts/demo/uci.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const created = new Date("2024-01-01T00:00:00Z");
const english = [
  ...new Set(
    parseRetail(readFileSync(join(root, "data/uci-online-retail-5000.csv"), "utf8"))
      .slice(0, 800)
      .map(({ description }) => description),
  ),
];
const suffixed = readFileSync(join(root, "testing/quality/turkish-suffixes.csv"), "utf8")
  .trim()
  .split("\n")
  .map((line) => line.split(";") as [string, string]);
const turkish = suffixed.map(([name]) => name);

test("altered names find their product, in English and in Turkish", async () => {
  const share = async (
    names: readonly string[],
    cases: readonly (readonly [string, string])[],
    within: number,
  ) => {
    const embedder = await createEmbedder({
      kind: "lsa",
      file: (await fitLsa(names, { created })).file,
    });
    const vectors = await embedder.embed(names);
    const asked = await embedder.embed(cases.map(([, query]) => query));
    const found = cases.filter(
      ([name], n) => rankOf(asked[n] as Float32Array, names.indexOf(name), vectors) <= within,
    );
    return found.length / cases.length;
  };
  const cases = alteredNames(english, { count: 300, seed: 11 });
  const altered = await share(
    english,
    cases.map(({ name, query }) => [name, query] as const),
    1,
  );
  assert.ok(altered >= 0.95, `${altered}`);
  // the complete catalogue and the target are in bench/quality/embedder.ts
  const stems = await share(turkish, suffixed, 3);
  assert.ok(stems >= 0.95, `${stems}`);
});
