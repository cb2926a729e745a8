/**
 * Answers of analytics questions that are asked again and again, such as those of open dashboards. The key of an answer
 * is the question and the position of the windows, read before the answer was computed: an answer is never used after the
 * windows have moved on, so no event is hidden that an answer of now would contain. What changes windows
 * without moving them (a rerun, an erasure, retention) shows when the answer is too old, after `maxAgeMs`.
 */
import { createHash } from "node:crypto";
import type { Cache } from "../../core/ports/cache.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { pause } from "../../timing/pause.ts";

/** `hit`: computed for another request; `miss`: computed now and kept; `bypass`: computed now and not kept. */
export type CacheState = "hit" | "miss" | "bypass";

export interface AnswerCacheOptions {
  readonly cache: Cache;
  readonly database: Queryable;
  /** Answers of different versions have different keys. */
  readonly version: string;
  readonly maxAgeMs: () => number;
  /** Larger answers are not kept. */
  readonly maxBytes: number;
  /** Uniform in [0, 1), so that answers of one moment do not expire at one moment. */
  readonly random: () => number;
  readonly onAnswer: (state: CacheState) => void;
}

export interface Answered<T> {
  readonly answer: T;
  readonly state: CacheState;
}

interface Flight {
  readonly done: Promise<Answered<unknown>>;
  readonly stop: AbortController;
  waiting: number;
}

interface Asked<T> {
  /** What makes the question different from others; JSON. */
  readonly question: readonly unknown[];
  readonly signal: AbortSignal;
  readonly compute: (signal: AbortSignal) => Promise<T>;
}

const markTimeoutMs = 2_000;
const pollMs = 25;
/** The longest wait for another process, which may have been killed. */
const claimMs = 5_000;
/** An answer expires after this part of its maximum age, or up to all of it. */
const leastAge = 0.8;

export class AnswerCache {
  readonly #options: AnswerCacheOptions;
  readonly #flights = new Map<string, Flight>();

  constructor(options: AnswerCacheOptions) {
    this.#options = options;
  }

  /** Rejects as `compute` does. */
  async answer<T extends object>({ question, signal, compute }: Asked<T>): Promise<Answered<T>> {
    const { version, onAnswer } = this.#options;
    const mark = await this.#readMark(signal);
    const text = JSON.stringify([version, mark, ...question]);
    const key = createHash("sha256").update(text).digest("base64url");
    const known = this.#flights.get(key);
    const flight = known ?? this.#start(key, compute);
    const { answer, state } = await this.#join(key, flight, signal);
    const own = known === undefined ? state : "hit";
    onAnswer(own);
    return { answer: answer as T, state: own };
  }

  #start<T extends object>(key: string, compute: Asked<T>["compute"]): Flight {
    const stop = new AbortController();
    const done = this.#find(key, compute, stop.signal).finally(() => this.#forget(key, flight));
    // every request may have left
    done.catch(() => {});
    const flight: Flight = { done, stop, waiting: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  /** Rejects when the request ends; the computation ends with the last request that waits for it. */
  async #join(key: string, flight: Flight, signal: AbortSignal): Promise<Answered<unknown>> {
    signal.throwIfAborted();
    flight.waiting++;
    const left = Promise.withResolvers<never>();
    const leave = () => left.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([flight.done, left.promise]);
    } finally {
      signal.removeEventListener("abort", leave);
      flight.waiting--;
      if (flight.waiting === 0) {
        this.#forget(key, flight);
        flight.stop.abort(signal.reason);
      }
    }
  }

  #forget(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }

  async #find<T extends object>(
    key: string,
    compute: Asked<T>["compute"],
    signal: AbortSignal,
  ): Promise<Answered<unknown>> {
    const { cache } = this.#options;
    const deadline = performance.now() + claimMs;
    while (cache.isUp && performance.now() < deadline) {
      const kept = parse(await cache.get(key));
      if (kept !== undefined) return { answer: kept, state: "hit" };
      const release = await cache.claim(key, claimMs);
      if (release === undefined) {
        await pause(pollMs, signal);
        signal.throwIfAborted();
        continue;
      }
      try {
        const answer = await compute(signal);
        return { answer, state: await this.#keep(key, answer) };
      } finally {
        await release();
      }
    }
    return { answer: await compute(signal), state: "bypass" };
  }

  async #keep(key: string, answer: object): Promise<CacheState> {
    const { cache, maxAgeMs, maxBytes, random } = this.#options;
    const value = Buffer.from(JSON.stringify(answer));
    if (value.length > maxBytes || !cache.isUp) return "bypass";
    await cache.set(key, value, Math.round(maxAgeMs() * (leastAge + (1 - leastAge) * random())));
    return "miss";
  }

  /** Read before the answer is computed, which is therefore not older. */
  async #readMark(signal: AbortSignal): Promise<string> {
    const [row] = await this.#options.database.query<{ mark: string }>(
      {
        name: "query_mark",
        text: `select position::text || ' ' || epoch || ' ' || events as mark
               from log.readers where name = 'windows'`,
      },
      { timeoutMs: markTimeoutMs, signal },
    );
    return row?.mark ?? "";
  }
}

/** What the store holds may be damaged, or of another program. */
function parse(value: Buffer | undefined): object | undefined {
  if (value === undefined) return undefined;
  try {
    const found: unknown = JSON.parse(value.toString("utf8"));
    return typeof found === "object" && found !== null ? found : undefined;
  } catch {
    return undefined;
  }
}
