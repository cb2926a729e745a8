/**
 * When each visit of the shop begins. The visits are numbered from the start of the history on, so that the
 * history, the live traffic and what a restart catches up are pieces of one and the same sequence.
 */
const minuteMs = 60_000;

export interface TimelineOptions {
  /** Instant of visit 0, in milliseconds. */
  readonly origin: number;
  /** Visits in the minute that begins at the instant. */
  readonly visitsIn: (minute: number) => number;
}

export class Timeline {
  readonly #options: TimelineOptions;
  /** Number of visits before the end of each minute since the origin. */
  readonly #until: number[] = [];

  constructor(options: TimelineOptions) {
    this.#options = options;
  }

  get origin(): number {
    return this.#options.origin;
  }

  /** Number of visits before `at`, a fraction included. */
  countUntil(at: number): number {
    const minutes = Math.max(0, (at - this.origin) / minuteMs);
    const whole = Math.floor(minutes);
    this.#extend(whole + 1);
    const before = this.#before(whole);
    return before + (this.#before(whole + 1) - before) * (minutes - whole);
  }

  /** When visit `count` begins: the inverse of `countUntil`. Infinity when none begins within a year. */
  timeOf(count: number): number {
    while (this.#before(this.#until.length) <= count) {
      if (this.#until.length > 600_000) return Number.POSITIVE_INFINITY;
      this.#extend(this.#until.length + 1);
    }
    let [low, high] = [0, this.#until.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#until[middle] ?? 0) > count) high = middle;
      else low = middle + 1;
    }
    const before = this.#before(low);
    const inMinute = this.#before(low + 1) - before;
    return this.origin + (low + (count - before) / inMinute) * minuteMs;
  }

  /** Number of visits before the minute `index`. */
  #before(index: number): number {
    return index <= 0 ? 0 : (this.#until[index - 1] ?? 0);
  }

  #extend(length: number): void {
    for (let index = this.#until.length; index < length; index++) {
      const visits = this.#options.visitsIn(this.origin + index * minuteMs);
      this.#until.push(this.#before(index) + visits);
    }
  }
}
