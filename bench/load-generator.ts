/**
 * Sends events over keep-alive sockets in a closed loop. It writes prepared requests in which only the
 * ids change, and reads only the status and length of an answer, so that it costs a fraction of what it
 * measures. Runs in a separate process:
 * `node bench/load-generator.ts '<LoadOptions as JSON>'` prints a LoadReport.
 */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";

export interface LoadOptions {
  readonly url: string;
  readonly path: string;
  readonly key: string;
  readonly connections: number;
  /** Events per request; a single one is sent as an object, more as an array. */
  readonly batch: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface LoadReport {
  readonly events: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** CPU of this process per event, to show that the generator is not the bottleneck. */
  readonly ownMicrosPerEvent: number;
}

const idLength = 36;
const prefix = randomBytes(6).toString("hex");
let nextId = 0;

/** One typical shop event, with a placeholder for its id. */
export function sampleEvent(n: number, id: string): string {
  const type = ["product.view", "product.view", "product.view", "add_to_cart", "purchase"][n % 5];
  const product = n % 997;
  return (
    `{"event_id":"${id}","event_type":"${type}","timestamp":"${new Date().toISOString()}",` +
    `"user_id":"user-${n % 5_000}","session_id":"s-${n % 5_000}","product":{"id":"product-${product}",` +
    `"name":"Product ${product}","category":"Category ${product % 40}","price":${5 + ((product * 79) % 500)}.99,` +
    `"currency":"TRY","quantity":${1 + (n % 3)}},"properties":{"page":"/products/${product}","device":"mobile",` +
    `"referrer":"https://example.com/search?q=product+${product}","city":"Istanbul"}}`
  );
}

const emptyId = "0".repeat(idLength);

function prepareRequest(options: LoadOptions): { bytes: Buffer; idsAt: readonly number[] } {
  const events = Array.from({ length: options.batch }, (_, n) =>
    sampleEvent(Math.floor(Math.random() * 1e6) + n, emptyId),
  );
  const body = options.batch === 1 ? (events[0] as string) : `[${events.join(",")}]`;
  const head =
    `POST ${options.path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${options.key}\r\n` +
    `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  const bytes = Buffer.from(head + body);
  const idsAt: number[] = [];
  for (let at = bytes.indexOf(emptyId); at >= 0; at = bytes.indexOf(emptyId, at + idLength)) {
    idsAt.push(at);
  }
  return { bytes, idsAt };
}

/** A counter in the form of a version 4 UUID, scattered so that ids are unordered. */
function freshId(): string {
  nextId++;
  const scattered = (Math.imul(nextId, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
  return `${scattered}-${prefix.slice(0, 4)}-4${prefix.slice(4, 7)}-8${prefix.slice(7, 10)}-${nextId.toString(16).padStart(12, "0")}`;
}

class Sender {
  readonly #bytes: Buffer;
  readonly #idsAt: readonly number[];
  readonly #socket: ReturnType<typeof connect>;
  readonly #onAnswer: (status: number, ms: number) => void;
  #sentAt = 0;
  #left = -1;
  #head = "";
  #status = 0;
  #stopped = false;

  constructor(options: LoadOptions, onAnswer: (status: number, ms: number) => void) {
    this.#onAnswer = onAnswer;
    const { bytes, idsAt } = prepareRequest(options);
    this.#bytes = bytes;
    this.#idsAt = idsAt;
    const { hostname, port } = new URL(options.url);
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true }, () =>
      this.#send(),
    );
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", (error) => {
      if (!this.#stopped) throw error;
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#socket.destroy();
  }

  #send(): void {
    if (this.#stopped) return;
    for (const at of this.#idsAt) this.#bytes.write(freshId(), at, "latin1");
    this.#sentAt = performance.now();
    this.#socket.write(this.#bytes);
  }

  #read(chunk: Buffer): void {
    if (this.#left < 0) {
      this.#head += chunk.toString("latin1");
      const end = this.#head.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#status = Number(this.#head.slice(9, 12));
      const length = Number(/content-length: *(\d+)/i.exec(this.#head.slice(0, end))?.[1]);
      this.#left = length - (this.#head.length - end - 4);
      this.#head = "";
    } else {
      this.#left -= chunk.length;
    }
    if (this.#left > 0) return;
    if (this.#left < 0) throw new Error("received more answers than requests");
    this.#left = -1;
    this.#onAnswer(this.#status, performance.now() - this.#sentAt);
    this.#send();
  }
}

async function load(options: LoadOptions): Promise<LoadReport> {
  const statuses: Record<string, number> = {};
  const latencies: number[] = [];
  let measuring = false;
  const senders = Array.from(
    { length: options.connections },
    () =>
      new Sender(options, (status, ms) => {
        if (!measuring) return;
        statuses[status] = (statuses[status] ?? 0) + 1;
        latencies.push(ms);
      }),
  );
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await pause(options.warmUpMs);
  process.send?.("measuring");
  const cpu = process.cpuUsage();
  const started = performance.now();
  measuring = true;
  await pause(options.measureMs);
  measuring = false;
  const seconds = (performance.now() - started) / 1000;
  const spent = process.cpuUsage(cpu);
  process.send?.("measured");
  for (const sender of senders) sender.stop();
  latencies.sort((a, b) => a - b);
  const events = latencies.length * options.batch;
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return {
    events,
    seconds,
    eventsPerSecond: events / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    statuses,
    ownMicrosPerEvent: (spent.user + spent.system) / events,
  };
}

if (import.meta.main) {
  const report = await load(JSON.parse(process.argv[2] ?? "{}") as LoadOptions);
  process.send?.(report);
  process.disconnect?.();
}
