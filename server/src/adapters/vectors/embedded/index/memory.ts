/**
 * The layout of the WebAssembly memory of one collection: first the scratch area of a query, then
 * chunks of 4,096 slots, each with the same columns. Growing adds chunks and moves nothing.
 */
import { chunkSlots, createKernel, type Kernel } from "./kernel.ts";

const pageBytes = 65_536;
const mostSlots = 8_000_000;

/** A column's members are `bytes` a slot. */
export type ColumnName = "vectors" | "bytes" | "bits" | "scales" | "errors" | "factors" | "offsets";
type ScratchName = "query8" | "query32" | "table" | "mask" | "estimates" | "list" | "kept" | "out";

export class VectorMemory {
  readonly dimension: number;
  /** Members of a stored vector: a multiple of 32, filled up with zeros. */
  readonly width: number;
  readonly kernel: Kernel;
  /** Addresses: of scratch areas, and of columns in the first chunk. */
  readonly at: Readonly<Record<ColumnName | ScratchName, number>>;
  /** From a chunk to the next. */
  readonly stride: number;
  readonly #slotBytes: Readonly<Record<ColumnName, number>>;
  readonly #first: number;
  readonly #mostSlots: number;
  #chunks = 0;
  /** Views of the whole memory, created again when it grows. */
  floats = new Float32Array(0);
  codes = new Int8Array(0);

  constructor(dimension: number) {
    this.dimension = dimension;
    this.width = Math.ceil(dimension / 32) * 32;
    this.kernel = createKernel();
    const width = this.width;
    this.#slotBytes = {
      vectors: 4 * width,
      bytes: width,
      bits: width / 8,
      scales: 4,
      errors: 4,
      factors: 4,
      offsets: 4,
    };
    const columns = laidOut(this.#slotBytes, chunkSlots);
    this.stride = columns.end;
    const slotBytes = columns.end / chunkSlots + 17;
    this.#mostSlots = Math.min(mostSlots, Math.floor((2 ** 32 - 2 ** 20) / slotBytes));
    const queries = laidOut({ query8: 2, query32: 4, table: 4 }, width);
    const lists = laidOut(
      { mask: 0.25, estimates: 4, list: 4, kept: 4, out: 4 },
      Math.ceil(this.#mostSlots / chunkSlots) * chunkSlots,
    );
    this.#first = Math.ceil((queries.end + lists.end) / pageBytes) * pageBytes;
    const moved = (at: Readonly<Record<string, number>>, by: number) =>
      Object.fromEntries(Object.entries(at).map(([name, offset]) => [name, offset + by]));
    this.at = {
      ...queries.at,
      ...moved(lists.at, queries.end),
      ...moved(columns.at, this.#first),
    } as Record<ColumnName | ScratchName, number>;
    // only reserved: pages that are never touched cost nothing
    this.kernel.memory.grow(this.#first / pageBytes);
    this.#view();
  }

  get capacity(): number {
    return this.#chunks * chunkSlots;
  }

  /** Of the chunks. */
  get bytes(): number {
    return this.#chunks * this.stride;
  }

  /** Makes room; throws RangeError above what 4 GiB hold. */
  reserve(slots: number): void {
    if (slots <= this.capacity) return;
    if (slots > this.#mostSlots) throw new RangeError(`no room for ${slots} vectors`);
    const chunks = Math.ceil(slots / chunkSlots);
    const end = this.#first + chunks * this.stride;
    const missing = end - this.kernel.memory.buffer.byteLength;
    if (missing > 0) this.kernel.memory.grow(Math.ceil(missing / pageBytes));
    this.#chunks = chunks;
    this.#view();
  }

  /** The address of a slot's member of a column. */
  place(column: ColumnName, slot: number): number {
    const inChunk = slot % chunkSlots;
    const chunk = (slot - inChunk) / chunkSlots;
    return this.at[column] + chunk * this.stride + inChunk * this.#slotBytes[column];
  }

  /** `n` numbers of the scratch area. */
  numbers(area: ScratchName, n: number): Uint32Array {
    return new Uint32Array(this.kernel.memory.buffer, this.at[area], n);
  }

  estimates(area: ScratchName, n: number): Float32Array {
    return new Float32Array(this.kernel.memory.buffer, this.at[area], n);
  }

  #view(): void {
    this.floats = new Float32Array(this.kernel.memory.buffer);
    this.codes = new Int8Array(this.kernel.memory.buffer);
  }
}

/** One after the other, each aligned to 64 bytes. */
function laidOut(
  bytes: Readonly<Record<string, number>>,
  members: number,
): { readonly at: Readonly<Record<string, number>>; readonly end: number } {
  const at: Record<string, number> = {};
  let end = 0;
  for (const [name, size] of Object.entries(bytes)) {
    at[name] = end;
    end += Math.ceil((size * members) / 64) * 64;
  }
  return { at, end };
}
