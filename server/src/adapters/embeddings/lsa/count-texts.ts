import { fold } from "../fold.ts";
import type { Interruptible } from "./interruptible.ts";
import { countFeatures, type LsaParameters } from "./parameters.ts";
import type { SparseMatrix } from "./truncated-svd.ts";
import { createWordFeatures, type WordFeatures } from "./word-features.ts";

/**
 * Entries of the matrix, 6 bytes each: the time of a fit follows them. They are the names of 100,000 products,
 * or 10,000 texts of 30 words.
 */
const mostEntries = 6_000_000;
/** Words whose features are remembered; longer ones come once. */
const knownWords = 100_000;
const longestKnownWord = 40;

/**
 * How often each text has each feature. Of a corpus that is too large for `most` entries every second, fourth,
 * eighth ... text is taken.
 */
export function* countTexts(
  texts: readonly string[],
  parameters: LsaParameters,
  most: number = mostEntries,
): Interruptible<SparseMatrix> {
  const columns = countFeatures(parameters);
  const featuresOf = rememberWords(createWordFeatures(parameters));
  const counts = new Uint32Array(columns);
  const rows = new RowBuilder(columns);
  let stride = 1;
  for (let index = 0; index < texts.length; index += stride) {
    const present: number[] = [];
    for (const word of fold(texts[index] as string).split(" ")) {
      if (word === "") continue;
      for (const feature of featuresOf(word)) {
        if ((counts[feature] as number)++ === 0) present.push(feature);
      }
    }
    rows.add(present, counts);
    while (rows.entries > most && rows.count > 1) {
      // the last row kept is one of the new stride, so that the next index is as well
      if (rows.count % 2 === 0) index -= stride;
      rows.keepEverySecond();
      stride *= 2;
    }
    yield;
  }
  return rows.matrix();
}

function rememberWords(features: WordFeatures): (word: string) => Int32Array {
  const known = new Map<string, Int32Array>();
  let list = new Int32Array(1_024);
  return (word) => {
    const remembered = known.get(word);
    if (remembered !== undefined) return remembered;
    const most = features.most(word.length);
    if (most > list.length) list = new Int32Array(most);
    const found = list.slice(0, features.write(word, list, 0));
    if (word.length <= longestKnownWord && known.size < knownWords) known.set(word, found);
    return found;
  };
}

class RowBuilder {
  entries = 0;
  readonly #columns: number;
  readonly #starts: number[] = [0];
  #indexes = new Uint16Array(1 << 16) as Uint16Array | Uint32Array;
  #values = new Float32Array(1 << 16);

  constructor(columns: number) {
    this.#columns = columns;
    if (columns > 65_536) this.#indexes = new Uint32Array(this.#indexes.length);
  }

  get count(): number {
    return this.#starts.length - 1;
  }

  /** Takes the counts of the features that are present, and sets them back to zero. */
  add(present: number[], counts: Uint32Array): void {
    const end = this.entries + present.length;
    if (end > this.#indexes.length) this.#grow(end);
    for (const feature of present.sort((a, b) => a - b)) {
      this.#indexes[this.entries] = feature;
      this.#values[this.entries++] = counts[feature] as number;
      counts[feature] = 0;
    }
    this.#starts.push(this.entries);
  }

  /** Drops the second, the fourth and so on. */
  keepEverySecond(): void {
    const old = this.#starts.splice(1);
    old.unshift(0);
    this.entries = 0;
    for (let row = 0; row + 1 < old.length; row += 2) {
      const start = old[row] as number;
      const end = old[row + 1] as number;
      this.#indexes.copyWithin(this.entries, start, end);
      this.#values.copyWithin(this.entries, start, end);
      this.entries += end - start;
      this.#starts.push(this.entries);
    }
  }

  matrix(): SparseMatrix {
    return {
      columns: this.#columns,
      starts: Uint32Array.from(this.#starts),
      indexes: this.#indexes.subarray(0, this.entries),
      values: this.#values.subarray(0, this.entries),
    };
  }

  #grow(wanted: number): void {
    const length = Math.max(wanted, this.#indexes.length * 2);
    const indexes = this.#columns > 65_536 ? new Uint32Array(length) : new Uint16Array(length);
    indexes.set(this.#indexes);
    this.#indexes = indexes;
    const values = new Float32Array(length);
    values.set(this.#values);
    this.#values = values;
  }
}
