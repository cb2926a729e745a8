/**
 * How well vectors of the embedder `lsa` alone find products: `node bench/quality/embedder.ts`.
 *
 * Corpus: the distinct product names of data/uci-online-retail-5000.csv, and a Turkish catalogue. Vectors
 * are combined with lexical ranks only in `hybrid`. Exit code 1 when a target is missed. `--transformer FOLDER` evaluates a
 * sentence-transformer as well.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  coldStartModel,
  createEmbedder,
  fitLsa,
} from "../../server/src/adapters/embeddings/embedders.ts";
import { fold } from "../../server/src/adapters/embeddings/fold.ts";
import type { Embedder } from "../../server/src/core/ports/embedder.ts";
import { parseRetail } from "../../server/src/parts/demo/uci.ts";
import { fuseRanks, rankByNgrams } from "../../server/src/parts/search/lexical.ts";
import { alteredNames, type NamedCase } from "../../testing/quality/altered-names.ts";
import { nearestTo, rankOf } from "../../testing/quality/nearest.ts";
import { basketLift } from "./baskets.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    cases: { type: "string", default: "1000" },
    dimension: { type: "string", default: "192" },
    misses: { type: "boolean", default: false },
    transformer: { type: "string" },
  },
});

interface Result {
  readonly what: string;
  readonly value: number;
  /** Undefined: for information only. */
  readonly bar?: number;
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

/** The embedder of a catalogue; a fitted one is fitted on it. */
type Open = (texts: readonly string[]) => Promise<Embedder>;

const { transformer } = values;
const models: readonly (readonly [name: string, open: Open])[] = [
  ["cold start", () => createEmbedder({ kind: "lsa", file: coldStartModel(new Date(0)).file })],
  ["fitted", openFitted],
  ...(transformer === undefined
    ? []
    : [["sentence-transformer", () => openTransformer(transformer)] as const]),
];
for (const [model, open] of models) {
  const results = await judge(open);
  console.log(`\n${model}`);
  for (const { what, value, bar, unit } of results) {
    const said = unit === "%" ? `${(value * 100).toFixed(1)} %` : `${value.toFixed(1)} x`;
    const wanted =
      bar === undefined ? "" : `target ${unit === "%" ? `${bar * 100} %` : `${bar} x`}`;
    console.log(`  ${what.padEnd(46)} ${said.padStart(8)}   ${wanted}`.trimEnd());
    if (model === "fitted" && bar !== undefined && value < bar) process.exitCode = 1;
  }
}

async function judge(open: Open): Promise<Result[]> {
  const results: Result[] = [];
  const share = (what: string, value: number, bar?: number) =>
    results.push({ what, value, unit: "%", ...(bar === undefined ? {} : { bar }) });

  const english = await catalogueOf(names, open);
  const cases = alteredNames(names, { count: Number(values.cases), seed: Number(values.seed) });
  for (const [kind, some] of Map.groupBy(cases, ({ kind }) => kind)) {
    share(`${kind}: its product first`, await shareFound(some, english, { within: 1 }));
  }
  const altered = "altered names: their product first";
  share(altered, await shareFound(cases, english, { within: 1 }), 0.95);
  share(`${altered}, hybrid`, await shareFound(cases, english, { within: 1, rank: hybridRank }));
  for (const [neighbours, bar] of [[3, { bar: 3 }] as const, [5, {}] as const]) {
    results.push({
      what: `invoices shared: nearest ${neighbours} to random pairs`,
      value: basketLift({ lines, names, vectors: english.vectors, neighbours }),
      unit: "x",
      ...bar,
    });
  }
  await english.embedder.close();

  const suffixes = suffixed.map((one) => ({ kind: "suffix", ...one }));
  for (const [catalogue, bar, where] of [
    [turkishNames, 0.95, ""],
    [[...names, ...turkishNames], undefined, ", mixed"],
  ] as const) {
    const turkish = await catalogueOf(catalogue, open);
    const found = await shareFound(suffixes, turkish, { within: 3 });
    const what = `Turkish suffixes: stem's product in first 3${where}`;
    share(what, found, bar);
    share(`${what}, hybrid`, await shareFound(suffixes, turkish, { within: 3, rank: hybridRank }));
    await turkish.embedder.close();
  }
  return results;
}

async function openFitted(texts: readonly string[]): Promise<Embedder> {
  const dimension = Number(values.dimension);
  const { file } = await fitLsa(texts, { dimension, created: new Date(0) });
  return createEmbedder({ kind: "lsa", file });
}

function openTransformer(folder: string): Promise<Embedder> {
  return createEmbedder({ kind: "transformer", settings: { folder, device: "cpu" } });
}

interface Catalogue {
  readonly embedder: Embedder;
  readonly names: readonly string[];
  readonly vectors: readonly Float32Array[];
}

async function catalogueOf(names: readonly string[], open: Open): Promise<Catalogue> {
  const embedder = await open(names);
  return { embedder, names, vectors: await embedder.embed(names) };
}

/** The rank of the expected product, from 1. */
type Rank = (asked: {
  readonly query: string;
  readonly question: Float32Array;
  readonly wanted: number;
  readonly names: readonly string[];
  readonly vectors: readonly Float32Array[];
}) => number;

async function shareFound(
  cases: readonly NamedCase[],
  catalogue: Catalogue,
  { within, rank = vectorRank }: { readonly within: number; readonly rank?: Rank },
): Promise<number> {
  const questions = await catalogue.embedder.embed(cases.map(({ query }) => query));
  let found = 0;
  for (const [index, { name, query, kind }] of cases.entries()) {
    const place = rank({
      ...catalogue,
      query,
      question: questions[index] as Float32Array,
      wanted: catalogue.names.indexOf(name),
    });
    if (place <= within) found++;
    else if (values.misses) console.log(`  miss (${kind}): "${query}" finds "${name}" at ${place}`);
  }
  return found / cases.length;
}

function vectorRank({ question, wanted, vectors }: Parameters<Rank>[0]): number {
  return rankOf(question, wanted, vectors);
}

/** Combines ranks as `POST /api/search` with `hybrid` does; candidates found only by words are not included here. */
function hybridRank({ query, question, wanted, names, vectors }: Parameters<Rank>[0]): number {
  const near = nearestTo(question, vectors, 100);
  const texts = near.map((index) => ({ id: String(index), folded: fold(names[index] ?? "") }));
  const byText = rankByNgrams(fold(query), texts);
  const place = fuseRanks(near.map(String), byText).indexOf(String(wanted));
  return place < 0 ? Number.POSITIVE_INFINITY : place + 1;
}

function readLines(file: string): string[] {
  return readFileSync(join(import.meta.dirname, "..", "..", "testing", "quality", file), "utf8")
    .trim()
    .split("\n");
}
