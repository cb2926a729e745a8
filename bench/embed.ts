/**
 * Texts per second of the embedder `lsa` on one core, and the time of a fit:
 * `node bench/embed.ts [--texts 50000] [--corpus 20000] [--words 30] [--products 5000]`.
 *
 * Texts have 30 words. Their vocabulary of 20,000 words has a Zipf distribution like natural language, and so has
 * the fit's; `new words` is the worst case: no word was ever seen before. Products are another kind of corpus:
 * names and categories of the shop that bench/system.ts sends, made up of few words.
 */
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import {
  coldStartModel,
  createEmbedder,
  fitLsa,
} from "../server/src/adapters/embeddings/embedders.ts";
import { pick, type Random, seededRandom, zipf } from "../server/src/parts/demo/random.ts";
import { productName } from "../testing/product-name.ts";

const { values } = parseArgs({
  options: {
    texts: { type: "string", default: "50000" },
    corpus: { type: "string", default: "20000" },
    words: { type: "string", default: "30" },
    products: { type: "string", default: "5000" },
  },
});
const count = Number(values.texts);
const wordsPerText = Number(values.words);
const vocabularySize = 20_000;
const syllables = [
  ..."ka le mi ro ta si be an er ol un da ge ki lı şe çö ğu ma ve re to pi ne ".split(" "),
] as [string, ...string[]];

const random = seededRandom(1);
const vocabulary = Array.from({ length: vocabularySize }, () => newWord(random));
const rank = zipf(vocabularySize, 1);
const usual = () => vocabulary[rank(random)] as string;

const products = Array.from(
  { length: Number(values.products) },
  (_, n) => `${productName(n)}. category-${n % 20}`,
);
await measureFit(products, "products with few words");
const fitted = await measureFit(
  makeTexts(Number(values.corpus), usual),
  `texts of ${wordsPerText} words`,
);

const samples = {
  "usual words": makeTexts(count, usual),
  "new words": makeTexts(count, () => newWord(random) + Math.floor(random() * 1e6).toString(36)),
};
for (const [model, file] of [
  ["cold start", coldStartModel(new Date(0)).file],
  ["fitted", fitted.file],
] as const) {
  for (const [sample, texts] of Object.entries(samples)) {
    const embedder = await createEmbedder({ kind: "lsa", file });
    await embedder.embed(texts.slice(0, 2_000));
    const start = performance.now();
    const cpu = process.cpuUsage();
    for (let at = 0; at < texts.length; at += 256) await embedder.embed(texts.slice(at, at + 256));
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const perSecond = Math.round(texts.length / seconds).toLocaleString("en");
    const busy = Math.round(((user + system) / 1e6 / seconds) * 100);
    console.log(`${model}, ${sample}: ${perSecond} texts/s (${busy} % of one core)`);
    await embedder.close();
  }
}

async function measureFit(corpus: readonly string[], what: string) {
  const [began, cpu, loop] = [performance.now(), process.cpuUsage(), watchLoop()];
  const model = await fitLsa(corpus, { created: new Date(0) });
  const stalled = loop.stop();
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    `fit of ${corpus.length} ${what}: ${((performance.now() - began) / 1000).toFixed(1)} s in a thread, ` +
      `${((user + system) / 1e6).toFixed(1)} s of CPU time; the main thread's longest wait ${stalled.toFixed(0)} ms; ` +
      `peak memory of the process ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`,
  );
  return model;
}

function newWord(from: Random): string {
  return Array.from({ length: 2 + Math.floor(from() * 3) }, () => pick(from, syllables)).join("");
}

function makeTexts(howMany: number, word: () => string): string[] {
  return Array.from({ length: howMany }, () =>
    Array.from({ length: wordsPerText }, word).join(" "),
  );
}

function watchLoop(): { stop(): number } {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 10);
    last = now;
  }, 10);
  return {
    stop: () => {
      clearInterval(timer);
      return longest;
    },
  };
}
