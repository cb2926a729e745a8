/** When a model is fitted again: when the corpus has grown by a fifth, and has stopped growing fast. */

import type { ModelRow } from "./model-store.ts";
import type { Corpus } from "./ports.ts";

/** Fewer texts than this say nothing about which words matter. */
const leastTexts = 200;
const growth = 1.2;
/** From one round to the next. */
const settledGrowth = 1.02;
/** Counting a large catalogue takes a while: pauses this many times as long. */
const countRestShare = 50;

export class CorpusWatch {
  readonly #corpus: Corpus;
  readonly #now: () => number;
  #before = 0;
  #nextCountAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a monotonic clock */
  constructor(corpus: Corpus, now: () => number = () => performance.now()) {
    this.#corpus = corpus;
    this.#now = now;
  }

  /** The size of the corpus when the live model should be replaced by a new fit, else undefined. */
  async refitSize(models: readonly ModelRow[]): Promise<number | undefined> {
    const started = this.#now();
    if (started < this.#nextCountAt) return undefined;
    const size = await this.#corpus.count();
    const counted = this.#now();
    this.#nextCountAt = counted + countRestShare * (counted - started);
    // in the middle of a burst a model would be out of date before it is live
    const isSettled = size <= settledGrowth * this.#before;
    this.#before = size;
    return isSettled && needsRefit(models, size) ? size : undefined;
  }
}

/** Only models that Weir made itself are replaced automatically. */
function needsRefit(models: readonly ModelRow[], size: number): boolean {
  const live = models.find(({ state }) => state === "live");
  if (live?.automatic !== true || models.some(({ state }) => state === "building")) return false;
  return size >= Math.max(leastTexts, growth * (live.corpus_texts ?? 0));
}
