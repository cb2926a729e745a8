/**
 * How well vectors of the embedder `lsa` find products, by themselves: `node bench/quality/embedder.ts`.
 *
 * Corpus: the distinct product names of data/uci-online-retail-5000.csv, and a Turkish catalogue. Nothing is
 * fused with lexical ranks here. Exit code 1 when a bar is missed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseRetail } from "../../server/src/demo/uci.ts";
import {
  coldStartModel,
  createEmbedder,
  fitLsa,
  type ModelFile,
} from "../../server/src/embeddings/embedders.ts";
import { alteredNames, type NamedCase } from "./altered-names.ts";
import { basketLift } from "./baskets.ts";
import { rankOf } from "./nearest.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    cases: { type: "string", default: "1000" },
    dimension: { type: "string", default: "192" },
    misses: { type: "boolean", default: false },
  },
});

interface Result {
  readonly what: string;
  readonly value: number;
  readonly bar: number;
  readonly unit: "%" | "x";
}

const data = join(import.meta.dirname, "..", "..", "data", "uci-online-retail-5000.csv");
const lines = parseRetail(readFileSync(data, "utf8"));
const names = [...new Set(lines.map(({ description }) => description))];
const suffixed = readLines("turkish-suffixes.csv").map((line) => {
  const [name = "", query = ""] = line.split(";");
  return { name, query };
});
const turkishNames = [...suffixed.map(({ name }) => name), ...readLines("turkish-products.txt")];

for (const [model, made] of [
  ["cold start", coldStartModel(new Date(0))],
  ["fitted", undefined],
] as const) {
  const results = await judge(made);
  console.log(`\n${model}`);
  for (const { what, value, bar, unit } of results) {
    const said = unit === "%" ? `${(value * 100).toFixed(1)} %` : `${value.toFixed(1)} x`;
    const wanted = unit === "%" ? `${bar * 100} %` : `${bar} x`;
    console.log(`  ${what.padEnd(46)} ${said.padStart(8)}   bar ${wanted}`);
    if (model === "fitted" && value < bar) process.exitCode = 1;
  }
}

async function judge(made: ModelFile | undefined): Promise<Result[]> {
  const english = await open(names, made);
  const vectors = await english.embed(names);
  const cases = alteredNames(names, { count: Number(values.cases), seed: Number(values.seed) });
  const results: Result[] = [];
  for (const [kind, some] of Map.groupBy(cases, ({ kind }) => kind)) {
    const found = await shareFound(some, { embed: english.embed, names, vectors, within: 1 });
    results.push({ what: `${kind}: its product first`, value: found, bar: 0, unit: "%" });
  }
  const all = await shareFound(cases, { embed: english.embed, names, vectors, within: 1 });
  results.push({ what: "altered names: their product first", value: all, bar: 0.95, unit: "%" });
  results.push({
    what: "invoices shared: nearest 3 to random pairs",
    value: basketLift({ lines, names, vectors, neighbours: 3 }),
    bar: 3,
    unit: "x",
  });

  const turkish = await open(turkishNames, made);
  const found = await shareFound(
    suffixed.map(({ name, query }) => ({ kind: "suffix", name, query })),
    {
      embed: turkish.embed,
      names: turkishNames,
      vectors: await turkish.embed(turkishNames),
      within: 3,
    },
  );
  results.push({
    what: "Turkish suffixes: stem's product in first 3",
    value: found,
    bar: 0.95,
    unit: "%",
  });
  return results;
}

async function open(texts: readonly string[], made: ModelFile | undefined) {
  const dimension = Number(values.dimension);
  const { file } = made ?? (await fitLsa(texts, { dimension, created: new Date(0) }));
  return await createEmbedder({ kind: "lsa", file });
}

interface Catalogue {
  readonly embed: (texts: readonly string[]) => Promise<Float32Array[]>;
  readonly names: readonly string[];
  readonly vectors: readonly Float32Array[];
  readonly within: number;
}

async function shareFound(cases: readonly NamedCase[], catalogue: Catalogue): Promise<number> {
  const questions = await catalogue.embed(cases.map(({ query }) => query));
  let found = 0;
  for (const [index, { name, query, kind }] of cases.entries()) {
    const rank = rankOf(
      questions[index] as Float32Array,
      catalogue.names.indexOf(name),
      catalogue.vectors,
    );
    if (rank <= catalogue.within) found++;
    else if (values.misses) console.log(`  miss (${kind}): "${query}" finds "${name}" at ${rank}`);
  }
  return found / cases.length;
}

function readLines(file: string): string[] {
  return readFileSync(join(import.meta.dirname, file), "utf8")
    .trim()
    .split("\n");
}
