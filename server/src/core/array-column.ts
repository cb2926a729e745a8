/**
 * Columns as PostgreSQL's binary arrays. As text they would cost PostgreSQL 5 µs more per event, and the
 * driver as much again. Format: src/backend/utils/adt/arrayfuncs.c
 * (array_recv) and each type's `_recv`.
 */
import type { Decimal } from "./decimal.ts";
import { writeUuid } from "./uuid.ts";

export const typeIds = {
  bool: 16,
  bytea: 17,
  int2: 21,
  int4: 23,
  int8: 20,
  text: 25,
  json: 114,
  jsonb: 3802,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
} as const;

/** 2000-01-01 in microseconds since 1970: PostgreSQL counts from there. */
const epochMicros = 946_684_800_000_000;
const longestLoop = 40;
const word = 2 ** 32;
/** Still a safe integer when multiplied by 1,000. */
const largestShifted = Math.floor(Number.MAX_SAFE_INTEGER / 1_000);

/** One array parameter; the next group reuses its memory. */
export class ArrayColumn {
  readonly #typeId: number;
  #bytes: Buffer = Buffer.allocUnsafe(4096);
  #at = 0;

  constructor(typeId: number) {
    this.#typeId = typeId;
  }

  begin(length: number): void {
    this.#at = 0;
    this.#room(20);
    this.#int32(1); // dimensions
    this.#int32(1); // may hold nulls
    this.#int32(this.#typeId);
    this.#int32(length);
    this.#int32(1); // lower bound
  }

  /** Valid until the next `begin`. */
  end(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  null(): void {
    this.#room(4);
    this.#int32(-1);
  }

  int2(value: number): void {
    this.#room(6);
    this.#int32(2);
    this.#int16(value);
  }

  int4(value: number): void {
    this.#room(8);
    this.#int32(4);
    this.#int32(value);
  }

  int8(high: number, low: number): void {
    this.#room(12);
    this.#int32(8);
    this.#int32(high);
    this.#int32(low);
  }

  timestamp(micros: number): void {
    const value = micros - epochMicros;
    const high = Math.floor(value / word);
    this.int8(high, value - high * word);
  }

  /** A canonical UUID. */
  uuid(text: string): void {
    this.#room(20);
    this.#int32(16);
    this.#at = writeUuid(this.#bytes, this.#at, text);
  }

  /** Bytes from their hexadecimal digits. */
  hex(digits: string | null): void {
    if (digits === null) {
      this.null();
      return;
    }
    this.#room(4 + digits.length / 2);
    this.#int32(digits.length / 2);
    this.#at += this.#bytes.write(digits, this.#at, "hex");
  }

  text(value: string | null): void {
    if (value === null) {
      this.null();
      return;
    }
    const { length } = value;
    this.#room(4 + length * 3);
    const start = this.#at + 4;
    let written = length <= longestLoop ? 0 : -1;
    // a native call costs more than copying a short ASCII string here
    while (written >= 0 && written < length) {
      const c = value.charCodeAt(written);
      if (c > 0x7f) written = -1;
      else this.#bytes[start + written++] = c;
    }
    if (written < 0) written = this.#bytes.write(value, start, "utf8");
    this.#int32(written);
    this.#at = start + written;
  }

  jsonb(value: string): void {
    this.#room(5 + value.length * 3);
    const start = this.#at + 5;
    const written = this.#bytes.write(value, start, "utf8");
    this.#int32(1 + written);
    this.#bytes[this.#at] = 1; // the version of the format
    this.#at = start + written;
  }

  buffer(value: Buffer): void {
    this.bytes(value, 0, value.length);
  }

  /** `source[start, end)` unchanged. */
  bytes(source: Buffer, start: number, end: number): void {
    this.#room(4 + end - start);
    this.#int32(end - start);
    source.copy(this.#bytes, this.#at, start, end);
    this.#at += end - start;
  }

  numeric(value: Decimal | null): void {
    if (value === null) {
      this.null();
      return;
    }
    const groups: number[] = [];
    const negative = value.units < 0;
    // whole groups of four decimal digits, lowest first, the point between two of them
    const shift = (4 - (value.scale % 4)) % 4;
    let small = typeof value.units === "number" ? Math.abs(value.units) : largestShifted + 1;
    if (small <= largestShifted) {
      small *= 10 ** shift;
    } else {
      let rest = BigInt(value.units) * (negative ? -1n : 1n) * 10n ** BigInt(shift);
      for (; rest > BigInt(Number.MAX_SAFE_INTEGER); rest /= 10_000n) {
        groups.push(Number(rest % 10_000n));
      }
      small = Number(rest);
    }
    for (; small > 0; small = Math.floor(small / 10_000)) groups.push(small % 10_000);
    const weight = groups.length - (value.scale + shift) / 4 - 1;
    let lowest = 0;
    while (lowest < groups.length && groups[lowest] === 0) lowest++;
    const count = groups.length - lowest;
    this.#room(12 + count * 2);
    this.#int32(8 + count * 2);
    this.#int16(count);
    this.#int16(count === 0 ? 0 : weight);
    this.#int16(negative && count > 0 ? 0x4000 : 0);
    this.#int16(value.scale);
    for (let i = groups.length - 1; i >= lowest; i--) this.#int16(groups[i] as number);
  }

  #room(more: number): void {
    const needed = this.#at + more;
    if (needed <= this.#bytes.length) return;
    const wider = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(wider, 0, 0, this.#at);
    this.#bytes = wider;
  }

  #int16(value: number): void {
    this.#bytes[this.#at++] = value >>> 8;
    this.#bytes[this.#at++] = value;
  }

  #int32(value: number): void {
    const bytes = this.#bytes;
    const at = this.#at;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
    this.#at = at + 4;
  }
}
