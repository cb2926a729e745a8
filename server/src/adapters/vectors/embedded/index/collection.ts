/** One collection in memory: slots of points, payloads, filters. Runs in the worker. */
import type { Condition, Filter } from "../../../../core/ports/vector-store.ts";
import { Column } from "./column.ts";
import { isKeyCondition, type KeyCondition, keyOf } from "./filter.ts";
import { type Among, Vectors } from "./vectors.ts";

/** Columns for keys that only filters name; the least used goes first. */
const mostColumns = 32;
/** A Map entry, an id of 36 characters, the strings' headers. */
const bytesPerPoint = 200;

export interface IndexQuery {
  readonly vector: Float32Array;
  readonly filter: Filter | undefined;
  readonly limit: number;
  readonly threshold: number;
  readonly withPayload: boolean;
  readonly withVector: boolean;
}

export interface IndexHit {
  readonly id: string;
  readonly score: number;
  /** JSON text. */
  readonly payload?: string;
  readonly vector?: Float32Array;
}

export class IndexCollection {
  readonly dimension: number;
  readonly #vectors: Vectors;
  readonly #slots = new Map<string, number>();
  readonly #ids: (string | undefined)[] = [];
  readonly #payloads: string[] = [];
  readonly #free: number[] = [];
  /** A bit for every slot that holds a point. */
  #alive = new Uint32Array(0);
  #payloadBytes = 0;
  readonly #columns = new Map<string, Column>();
  readonly #declared: ReadonlySet<string>;
  #uses = 0;

  constructor(dimension: number, declared: readonly string[]) {
    this.dimension = dimension;
    this.#vectors = new Vectors(dimension);
    this.#declared = new Set(declared);
    for (const key of declared) this.#columns.set(key, new Column(key, 0));
  }

  get points(): number {
    return this.#slots.size;
  }

  get stage(): Vectors["stage"] {
    return this.#vectors.stage;
  }

  get bytes(): number {
    let bytes = this.#vectors.bytes + this.#payloadBytes + this.#slots.size * bytesPerPoint;
    for (const column of this.#columns.values()) bytes += column.bytes;
    return bytes;
  }

  /** Without a vector the point keeps its vector; a point that does not exist is skipped. */
  put(id: string, vector: Float32Array | undefined, payload: string): void {
    let slot = this.#slots.get(id);
    if (slot === undefined) {
      if (vector === undefined) return;
      slot = this.#free.pop() ?? this.#ids.length;
      this.#grow(slot + 1);
      this.#ids[slot] = id;
      this.#slots.set(id, slot);
      this.#alive[slot >>> 5] = (this.#alive[slot >>> 5] ?? 0) | (1 << (slot & 31));
    } else if (this.#payloads[slot] === payload && vector === undefined) return;
    if (vector !== undefined) this.#vectors.set(slot, vector);
    this.#payloadBytes += payload.length - (this.#payloads[slot]?.length ?? 0);
    this.#payloads[slot] = payload;
    if (this.#columns.size === 0) return;
    const parsed: unknown = JSON.parse(payload);
    for (const column of this.#columns.values()) column.set(slot, parsed);
  }

  remove(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    this.#ids[slot] = undefined;
    this.#payloadBytes -= this.#payloads[slot]?.length ?? 0;
    this.#payloads[slot] = "";
    this.#alive[slot >>> 5] = (this.#alive[slot >>> 5] ?? 0) & ~(1 << (slot & 31));
    this.#free.push(slot);
  }

  /** Some of what is best done after loading; true when there is no more. */
  improve(most: number): boolean {
    const slots = this.#ids.length;
    return !this.#vectors.wantsCodes(slots) || this.#vectors.makeCodes(slots, most);
  }

  /** Best first. */
  query(query: IndexQuery): IndexHit[] {
    const among = this.#among(query.filter);
    if (among.matches === 0) return [];
    const limit = Math.min(query.limit, among.matches);
    const best = this.#vectors.search(query.vector, among, { slots: this.#ids.length, limit });
    const hits: IndexHit[] = [];
    for (const [i, slot] of best.slots.entries()) {
      const score = best.scores[i] ?? 0;
      // as Qdrant does: a score equal to the threshold is left out
      if (score <= query.threshold) break;
      hits.push({
        id: this.#ids[slot] ?? "",
        score,
        ...(query.withPayload ? { payload: this.#payloads[slot] ?? "{}" } : {}),
        ...(query.withVector ? { vector: this.#vectors.get(slot) } : {}),
      });
    }
    return hits;
  }

  count(filter: Filter | undefined): number {
    return this.#among(filter).matches;
  }

  /** Every point, for the cache file. */
  *entries(): Generator<{ id: string; vector: Float32Array; payload: string }> {
    for (const [id, slot] of this.#slots) {
      yield { id, vector: this.#vectors.get(slot), payload: this.#payloads[slot] ?? "{}" };
    }
  }

  #grow(slots: number): void {
    this.#vectors.reserve(slots);
    const { capacity } = this.#vectors;
    if (this.#alive.length * 32 >= capacity) return;
    const alive = new Uint32Array(capacity / 32);
    alive.set(this.#alive);
    this.#alive = alive;
    for (const column of this.#columns.values()) column.grow(capacity);
  }

  #among(filter: Filter | undefined): Among {
    const alive = this.#alive.subarray(0, (this.#ids.length + 31) >>> 5);
    if (filter === undefined) return { mask: alive, matches: this.#slots.size };
    const mask = this.#evaluate(filter);
    let matches = 0;
    for (let word = 0; word < mask.length; word++) {
      mask[word] = (mask[word] ?? 0) & (alive[word] ?? 0);
      matches += ones(mask[word] ?? 0);
    }
    return { mask, matches };
  }

  /** Bits of all slots for which the filter holds; those of empty slots mean nothing. */
  #evaluate({ must = [], should = [], must_not = [] }: Filter): Uint32Array {
    const bits = new Uint32Array((this.#ids.length + 31) >>> 5).fill(0xffffffff);
    for (const condition of must) {
      const holds = this.#holds(condition);
      for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] ?? 0) & (holds[i] ?? 0);
    }
    for (const condition of must_not) {
      const holds = this.#holds(condition);
      for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] ?? 0) & ~(holds[i] ?? 0);
    }
    if (should.length > 0) {
      const any = new Uint32Array(bits.length);
      for (const condition of should) {
        const holds = this.#holds(condition);
        for (let i = 0; i < any.length; i++) any[i] = (any[i] ?? 0) | (holds[i] ?? 0);
      }
      for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] ?? 0) & (any[i] ?? 0);
    }
    return bits;
  }

  #holds(condition: Condition): Uint32Array {
    if ("has_id" in condition) {
      const bits = new Uint32Array((this.#ids.length + 31) >>> 5);
      for (const id of condition.has_id) {
        const slot = this.#slots.get(id.toLowerCase());
        if (slot !== undefined) bits[slot >>> 5] = (bits[slot >>> 5] ?? 0) | (1 << (slot & 31));
      }
      return bits;
    }
    if (!isKeyCondition(condition)) return this.#evaluate(condition);
    return this.#column(condition).evaluate(condition, this.#ids.length, ++this.#uses);
  }

  /** Made at the first filter that names its key: some 100 ms for 100,000 points. */
  #column(condition: KeyCondition): Column {
    const key = keyOf(condition);
    let column = this.#columns.get(key);
    if (column !== undefined && !column.isWorn) return column;
    column = new Column(key, this.#vectors.capacity);
    for (const slot of this.#slots.values()) {
      column.set(slot, JSON.parse(this.#payloads[slot] ?? "{}"));
    }
    this.#columns.set(key, column);
    this.#dropColumn();
    return column;
  }

  #dropColumn(): void {
    if (this.#columns.size <= mostColumns + this.#declared.size) return;
    const [oldest] = [...this.#columns.values()]
      .filter(({ key }) => !this.#declared.has(key))
      .sort((a, b) => a.lastUsed - b.lastUsed);
    if (oldest !== undefined) this.#columns.delete(oldest.key);
  }
}

function ones(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return (((n + (n >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
