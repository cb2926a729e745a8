import { rawDataHeaders } from "@weir/protocol";
import { jittered } from "../../../timing/backoff.ts";
import { pause } from "../../../timing/pause.ts";
import type { GeneratedEvent } from "./generated-events.ts";
import { Latencies } from "./latencies.ts";
import type { TrafficTarget } from "./target.ts";

export interface TrafficMessage {
  readonly topic: string;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: ReadonlyMap<Buffer, Buffer>;
}

/** Sends messages to the broker; `adapters/kafka/` implements it. */
export interface TrafficProducer {
  /** Resolves when the broker has acknowledged all of them. An error has `retryable: false` when repeating is in vain. */
  send(messages: readonly TrafficMessage[], signal?: AbortSignal): Promise<unknown>;
  close(): Promise<void>;
}

export interface KafkaTargetOptions {
  readonly producer: TrafficProducer;
  readonly topic: string;
  /** An API key: names the service that sends. Absent: the broker's principal does. */
  readonly key?: string;
  readonly signal: AbortSignal;
  readonly random: () => number;
}

const batch = { events: 500, bytes: 256 * 1024, delayMs: 20 };
/** Batches without an acknowledgement, so that a slow broker slows the generator down and fills no memory. */
const inFlight = 4;
const backoff = { firstMs: 100, lastMs: 5_000 };

/** One message an event, with the user as key. A batch that fails is sent again: its ids make that harmless. */
export function createKafkaTarget(options: KafkaTargetOptions): TrafficTarget {
  return new KafkaTarget(options);
}

class KafkaTarget implements TrafficTarget {
  readonly #options: KafkaTargetOptions;
  readonly #headers: ReadonlyMap<Buffer, Buffer>;
  readonly #latencies = new Latencies();
  readonly #sending = new Set<Promise<void>>();
  #batch: TrafficMessage[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #accepted = 0;
  #failed = 0;
  #retries = 0;
  #problem: ReturnType<TrafficTarget["problem"]>;

  constructor(options: KafkaTargetOptions) {
    this.#options = options;
    const headers: [string, string][] = [[rawDataHeaders.contentType, "application/json"]];
    if (options.key !== undefined) headers.push([rawDataHeaders.key, options.key]);
    this.#headers = new Map(headers.map(([k, v]) => [Buffer.from(k), Buffer.from(v)]));
  }

  send({ event, cut }: GeneratedEvent, json: string): Promise<void> | undefined {
    const value = Buffer.from(cut ? json.slice(0, -7) : json);
    const key = Buffer.from(String(event.user_id));
    this.#batch.push({ topic: this.#options.topic, key, value, headers: this.#headers });
    this.#bytes += value.length;
    if (this.#batch.length >= batch.events || this.#bytes >= batch.bytes) this.#sendBatch();
    else this.#timer ??= setTimeout(() => this.#sendBatch(), batch.delayMs);
    return this.#sending.size < inFlight ? undefined : Promise.race(this.#sending);
  }

  async flush(): Promise<void> {
    this.#sendBatch();
    while (this.#sending.size > 0) await Promise.race(this.#sending);
  }

  outcomes() {
    return {
      accepted: this.#accepted,
      duplicate: 0,
      conflict: 0,
      rejected: 0,
      failed: this.#failed,
      retries: this.#retries,
    };
  }

  latency(share: number): number | undefined {
    return this.#latencies.percentile(share);
  }

  problem() {
    return this.#problem;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#failed += this.#batch.length;
    this.#batch = [];
    await this.#options.producer.close();
    await Promise.all(this.#sending);
  }

  #sendBatch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch.length === 0) return;
    const messages = this.#batch;
    this.#batch = [];
    this.#bytes = 0;
    const sending: Promise<void> = this.#deliver(messages).finally(() => {
      this.#sending.delete(sending);
    });
    this.#sending.add(sending);
  }

  /** Never rejects. */
  async #deliver(messages: readonly TrafficMessage[]): Promise<void> {
    const { producer, signal, random } = this.#options;
    let delay = backoff.firstMs;
    while (this.#problem?.final !== true && !signal.aborted) {
      const began = performance.now();
      try {
        await producer.send(messages, signal);
        this.#latencies.add(performance.now() - began);
        this.#accepted += messages.length;
        this.#problem = undefined;
        return;
      } catch (error) {
        const { message, retryable } = error as Error & { readonly retryable?: boolean };
        this.#problem = { text: message, final: retryable === false };
        if (this.#problem.final) break;
        this.#retries++;
        await pause(jittered(delay, random), signal);
        delay = Math.min(delay * 2, backoff.lastMs);
      }
    }
    this.#failed += messages.length;
  }
}
