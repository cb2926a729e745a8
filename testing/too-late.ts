/**
 * A condition that did not come true in time, or something that took longer than it may. On a machine that pauses, that
 * says little: `scripts/run-tests.ts` may run the file again. A wrong value is an `AssertionError`.
 */
export class TooLate extends Error {
  override readonly name = "TooLate";
  /** Test runners carry it between processes. */
  readonly code = "TOO_LATE";
}

/** @throws TooLate when `tookMs` is more than `limitMs` */
export function assertWithin(tookMs: number, limitMs: number, what: string): void {
  if (tookMs > limitMs) {
    throw new TooLate(`${what} took ${Math.round(tookMs)} ms, and ${limitMs} ms are allowed`);
  }
}
