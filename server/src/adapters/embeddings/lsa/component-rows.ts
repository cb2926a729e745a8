/**
 * A model's components times their idf, and sums of their rows: most of the time that a text takes.
 *
 * They are stored in WebAssembly's memory in bfloat16. A text of 30 words adds up 600 to 900 rows of a table that
 * exceeds the near caches, so the number of bytes fetched decides the speed. Half of them are saved, and the vectors
 * remain scikit-learn's: the worst cosine of the parity test's 10,000 is 0.999997. `kernel.wat` says how eight
 * dimensions are packed.
 */
import { type WasmMemory, WebAssembly } from "../../../core/web-assembly.ts";
import { kernelBytes } from "./kernel-bytes.ts";
import type { LsaModel } from "./model.ts";

const pageBytes = 65_536;
/** The kernel takes as many at once. */
const rowsAtOnce = 8;
/** Dimensions are filled up with zeros to a multiple. */
const lanes = 8;
/** Room for those of a usual text. */
const usualRows = 2_048;

const sumAt = 0;

type AddRows = (...addresses: number[]) => void;

let compiled: object | undefined;

/** The memory: the sum (float32), the rows and one of zeros behind them, the list of rows to add (int32). */
export class ComponentRows {
  /** Where the numbers of the rows to add are written. */
  list: Int32Array;
  readonly #memory: WasmMemory;
  readonly #addRows: AddRows;
  readonly #dimension: number;
  readonly #rowBytes: number;
  /** The one of zeros. */
  readonly #lastRow: number;
  readonly #rowsAt: number;
  readonly #listAt: number;
  #sum: Float32Array;

  constructor({ dimension, idf, components }: LsaModel) {
    const width = Math.ceil(dimension / lanes) * lanes;
    this.#dimension = dimension;
    this.#rowBytes = width * 2;
    this.#lastRow = idf.length;
    this.#rowsAt = Math.ceil((width * 4) / 64) * 64;
    this.#listAt = this.#rowsAt + (idf.length + 1) * this.#rowBytes;
    const initial = Math.ceil((this.#listAt + usualRows * 4) / pageBytes);
    this.#memory = new WebAssembly.Memory({ initial, maximum: 65_536 });
    compiled ??= new WebAssembly.Module(Buffer.from(kernelBytes, "base64"));
    const { exports } = new WebAssembly.Instance(compiled, { embedder: { memory: this.#memory } });
    this.#addRows = (exports as { readonly addRows: AddRows }).addRows;
    this.#pack(idf, components);
    this.#sum = this.#viewSum();
    this.list = this.#viewList();
  }

  /** Makes `list` at least this long, and keeps its content. */
  reserve(rows: number): void {
    if (rows <= this.list.length) return;
    const missing = (rows + rowsAtOnce - this.list.length) * 4;
    this.#memory.grow(Math.ceil(missing / pageBytes));
    this.#sum = this.#viewSum();
    this.list = this.#viewList();
  }

  /** Starts a sum. */
  start(): void {
    this.#sum.fill(0);
  }

  /** Adds the first `count` rows of `list`, which is filled up with zeros' row. */
  add(count: number): void {
    let end = count;
    while (end % rowsAtOnce !== 0) this.list[end++] = this.#lastRow;
    this.#addRows(this.#listAt, this.#listAt + end * 4, this.#rowsAt, this.#rowBytes, sumAt);
  }

  sum(): Float32Array {
    return this.#sum.slice(0, this.#dimension);
  }

  #pack(idf: Float32Array, components: Float32Array): void {
    const dimension = this.#dimension;
    const row = new Float32Array(this.#rowBytes / 2);
    // signed, here and below: unsigned numbers of 32 bits take twice the time
    const bits = new Int32Array(row.buffer);
    const packed = new Int32Array(this.#memory.buffer, this.#rowsAt);
    let to = 0;
    for (let feature = 0; feature < idf.length; feature++) {
      const weight = idf[feature] as number;
      const start = feature * dimension;
      for (let d = 0; d < dimension; d++) row[d] = weight * (components[start + d] as number);
      for (let d = 0; d < row.length; d += lanes) {
        for (let lane = d; lane < d + lanes / 2; lane++) {
          const low = rounded(bits[lane] as number) >>> 16;
          packed[to++] = (rounded(bits[lane + lanes / 2] as number) & ~0xffff) | low;
        }
      }
    }
  }

  #viewSum(): Float32Array {
    return new Float32Array(this.#memory.buffer, sumAt, this.#rowBytes / 2);
  }

  #viewList(): Int32Array {
    const { buffer } = this.#memory;
    const length = Math.floor((buffer.byteLength - this.#listAt) / 4);
    return new Int32Array(buffer, this.#listAt, length - (length % rowsAtOnce));
  }
}

/** A float32's bits, whose upper half is the nearest bfloat16, half to even. */
function rounded(bits: number): number {
  return bits + 0x7fff + ((bits >>> 16) & 1);
}
