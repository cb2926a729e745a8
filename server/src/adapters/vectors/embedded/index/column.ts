/**
 * One key of all payloads, as a column: each distinct list of values has a number, each slot the number of
 * its list. A condition is decided once a list and then looked up, so it means what `index-filter.ts` says.
 */
import {
  boundsOf,
  contains,
  type KeyCondition,
  matchesValues,
  parseInstant,
  valuesAt,
} from "./filter.ts";

export class Column {
  readonly key: string;
  #codes: Uint32Array;
  #lists: (readonly unknown[])[] = [[]];
  #numbers = new Map<string, number>([["[]", 0]]);
  /** The single number of a list, or its single instant, else NaN; undefined until needed. */
  readonly #decoded: { number?: number[]; instant?: number[] } = {};
  #lastUsed = 0;

  constructor(key: string, slots: number) {
    this.key = key;
    this.#codes = new Uint32Array(slots);
  }

  get lastUsed(): number {
    return this.#lastUsed;
  }

  /** An estimate: lists count 100 bytes each. */
  get bytes(): number {
    return this.#codes.byteLength + this.#lists.length * 100;
  }

  /** With so many lists most belong to payloads that no longer exist. */
  get isWorn(): boolean {
    return this.#lists.length > 2 * this.#codes.length + 1_024;
  }

  grow(slots: number): void {
    if (slots <= this.#codes.length) return;
    const codes = new Uint32Array(slots);
    codes.set(this.#codes);
    this.#codes = codes;
  }

  set(slot: number, payload: unknown): void {
    const values = valuesAt(payload, this.key);
    const text = JSON.stringify(values);
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.#lists.push(values) - 1;
      this.#numbers.set(text, number);
      this.#decoded.number?.push(decode("number", values));
      this.#decoded.instant?.push(decode("instant", values));
    }
    this.#codes[slot] = number;
  }

  /** Sets the bits of the slots below `slots` for which the condition holds. */
  evaluate(condition: KeyCondition, slots: number, use: number): Uint32Array {
    this.#lastUsed = use;
    const holds = this.#decide(condition);
    const codes = this.#codes;
    const bits = new Uint32Array((slots + 31) >>> 5);
    for (let word = 0; word < bits.length; word++) {
      let set = 0;
      const start = word << 5;
      const end = Math.min(start + 32, slots);
      for (let slot = start; slot < end; slot++) {
        set |= (holds[codes[slot] ?? 0] ?? 0) << (slot & 31);
      }
      bits[word] = set;
    }
    return bits;
  }

  #decide(condition: KeyCondition): Uint8Array {
    const lists = this.#lists;
    const holds = new Uint8Array(lists.length);
    if ("range" in condition) {
      const bounds = boundsOf(condition.range);
      const decoded = this.#decode(bounds.kind);
      for (let i = 0; i < lists.length; i++) {
        const value = decoded[i] ?? Number.NaN;
        if (!Number.isNaN(value)) holds[i] = contains(bounds, value) ? 1 : 0;
        else if (isCompound(lists[i])) holds[i] = matchesValues(condition, lists[i] ?? []) ? 1 : 0;
      }
      return holds;
    }
    if ("match" in condition && "value" in condition.match) {
      // most lists are of one value, and only one can be this
      const { value } = condition.match;
      for (let i = 0; i < lists.length; i++) {
        const list = lists[i] ?? [];
        const isMatch =
          list.length === 1 && !Array.isArray(list[0])
            ? list[0] === value
            : matchesValues(condition, list);
        holds[i] = isMatch ? 1 : 0;
      }
      return holds;
    }
    for (let i = 0; i < lists.length; i++) {
      holds[i] = matchesValues(condition, lists[i] ?? []) ? 1 : 0;
    }
    return holds;
  }

  #decode(kind: "number" | "instant"): readonly number[] {
    this.#decoded[kind] ??= this.#lists.map((list) => decode(kind, list));
    return this.#decoded[kind];
  }
}

function decode(kind: "number" | "instant", list: readonly unknown[]): number {
  const [value] = list;
  if (list.length !== 1) return Number.NaN;
  if (kind === "number") return typeof value === "number" ? value : Number.NaN;
  return typeof value === "string" ? parseInstant(value) : Number.NaN;
}

function isCompound(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && (list.length > 1 || Array.isArray(list[0]));
}
