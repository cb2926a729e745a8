const smallChunk = 4_096;
const firstBlock = 1_024;
const mostBlock = 16_384;

/**
 * The chunks of a body. Small ones are copied together: as Buffers of their own, chunks of one byte
 * take a hundred times the memory of what they hold.
 */
export class BodyChunks {
  #parts: Buffer[] = [];
  #block: Buffer | undefined;
  #filled = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(chunk: Buffer): void {
    const isFirst = this.#size === 0;
    this.#size += chunk.length;
    if (isFirst || chunk.length >= smallChunk) {
      this.#seal();
      this.#parts.push(chunk);
      return;
    }
    if (this.#block === undefined || this.#block.length - this.#filled < chunk.length) {
      this.#seal();
      const size = Math.min(mostBlock, Math.max(firstBlock, this.#size));
      this.#block = Buffer.allocUnsafeSlow(Math.max(size, chunk.length));
    }
    chunk.copy(this.#block, this.#filled);
    this.#filled += chunk.length;
  }

  clear(): void {
    this.#parts = [];
    this.#block = undefined;
    this.#filled = 0;
    this.#size = 0;
  }

  /** All of them in one Buffer; a single chunk is not copied. */
  whole(): Buffer {
    this.#seal();
    const [first] = this.#parts;
    if (this.#parts.length === 1 && first !== undefined) return first;
    const whole = Buffer.concat(this.#parts, this.#size);
    this.#parts = [whole];
    return whole;
  }

  #seal(): void {
    if (this.#block === undefined) return;
    this.#parts.push(this.#block.subarray(0, this.#filled));
    this.#block = undefined;
    this.#filled = 0;
  }
}
