/**
 * Response times of events during a fit of the embedder:
 * `node bench/fit.ts [--products 20000] [--rounds 2] [--before 20] [--only steady|closed]`.
 *
 * The complete system, as a user starts it, with this many products. While single events arrive, at a
 * steady rate or over 16 connections in a closed loop, it fits a model again. Reports the response
 * times before, while the model is fitted, and while its collections are filled.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openPool, type Pool } from "../server/src/adapters/postgres/pool.ts";
import { productName } from "../testing/product-name.ts";
import { makeId, makeRandom } from "../testing/random.ts";
import { sampleEvent } from "./load-generator.ts";
import { type System, start, stop } from "./running-weir.ts";

const steadyRate = 500;
const connections = 16;
/** Target: the factor by which p99 may grow while a model is fitted. */
const bar = 1.2;

interface LoadOptions {
  readonly url: string;
  readonly key: string;
  /** Events per second; undefined: closed loop. */
  readonly rate: number | undefined;
}

/** When each event was due by the machine's clock, and how much later it was answered; milliseconds. */
interface LoadReport {
  readonly due: readonly number[];
  readonly took: readonly number[];
  readonly refused: number;
}

const clock = () => performance.timeOrigin + performance.now();

/** Runs in a separate process: sends until it receives a stop message. */
function load({ url, key, rate }: LoadOptions): void {
  const report = { due: [] as number[], took: [] as number[], refused: 0 };
  const random = makeRandom(process.pid);
  const { hostname, port } = new URL(url);
  const idle: (() => void)[] = [];
  const waiting: number[] = [];
  let isStopped = false;
  let sent = 0;
  for (let n = 0; n < connections; n++) {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    let due = 0;
    let answer = "";
    const next = () => {
      const at = rate === undefined ? clock() : waiting.shift();
      if (isStopped) return;
      if (at === undefined) return void idle.push(next);
      due = at;
      const body = sampleEvent(sent++, makeId(random));
      socket.write(
        `POST /api/events/ HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${key}\r\ncontent-type: application/json\r\n` +
          `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    };
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
      const head = answer.indexOf("\r\n\r\n");
      const length = Number(/content-length: *(\d+)/i.exec(answer)?.[1]);
      if (head < 0 || answer.length < head + 4 + length) return;
      if (!answer.startsWith("HTTP/1.1 202")) report.refused++;
      answer = "";
      report.due.push(due);
      report.took.push(clock() - due);
      next();
    });
    socket.on("connect", next);
  }
  const began = clock();
  let asked = 0;
  // due events are sent over free connections; the wait for a connection counts
  const pacing =
    rate === undefined
      ? undefined
      : setInterval(() => {
          for (; asked < ((clock() - began) / 1000) * rate; asked++) {
            waiting.push(began + (asked * 1000) / rate);
            idle.shift()?.();
          }
        }, 1);
  process.on("disconnect", () => process.exit());
  process.on("message", () => {
    isStopped = true;
    clearInterval(pacing);
    process.send?.(report, undefined, undefined, () => process.exit());
  });
}

function startLoad(options: LoadOptions): { stop(): Promise<LoadReport> } {
  const child: ChildProcess = fork(
    fileURLToPath(import.meta.url),
    ["load", JSON.stringify(options)],
    {
      serialization: "advanced",
    },
  );
  try {
    // Weir is measured, not the sender's wait for a CPU
    setPriority(child.pid ?? 0, -10);
  } catch {
    console.log("the sender has no priority (that needs root): its own waits are counted too");
  }
  return {
    stop: () =>
      new Promise((resolve, reject) => {
        child.once("message", (report) => resolve(report as LoadReport));
        child.once("exit", (code) => reject(new Error(`the load ended with ${code}`)));
        child.send("stop");
      }),
  };
}

/** Sends the products with the numbers up to `to`. */
async function tellProducts({ run, key }: System, first: number, to: number): Promise<void> {
  for (let from = first; from < to; from += 500) {
    const events = Array.from({ length: Math.min(500, to - from) }, (_, n) => ({
      event_type: "product.view",
      product: {
        id: `known-${from + n}`,
        name: `${productName(from + n)} and ${productName(7 * (from + n) + 3)}`,
        description: Array.from({ length: 3 }, (_d, d) => productName((from + n) * 31 + d)).join(
          ", ",
        ),
        category: `category ${(from + n) % 20}`,
      },
    }));
    const response = await fetch(`${run.url}/api/events/batch`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": key },
      body: JSON.stringify(events),
    });
    if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  }
}

async function untilLive(database: Pool, wanted: { texts: number; otherThan: string }) {
  for (;;) {
    const [model] = await database.query<{ id: string; corpus_texts: number }>({
      text: "select id, corpus_texts from vectors.models where state = 'live'",
    });
    if (
      model !== undefined &&
      model.id !== wanted.otherThan &&
      model.corpus_texts >= wanted.texts
    ) {
      return model.id;
    }
    await delay(50);
  }
}

/** Waits until the previous model and its points are removed, a minute later, so that this is not measured. */
async function untilAlone(database: Pool): Promise<void> {
  for (;;) {
    const models = await database.query({ text: "select from vectors.models" });
    if (models.length === 1) return;
    await delay(200);
  }
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** The last fit according to the log: the times of the fit and of filling its collections. */
async function lastFit(dataDir: string): Promise<{ readonly fit: Span; readonly fill: Span }> {
  const lines = (await readFile(join(dataDir, "logs", "weir.log"), "utf8"))
    .split("\n")
    .filter((line) => line.includes('"models"') && line.includes('"what"'))
    .map((line) => JSON.parse(line) as { time: string; what: string; milliseconds?: number });
  const at = (what: string) => lines.findLast((line) => line.what === what);
  const fitted = at("fitted");
  const end = Date.parse(fitted?.time ?? "");
  return {
    fit: { from: end - (fitted?.milliseconds ?? 0), to: end },
    fill: { from: end, to: Date.parse(at("live")?.time ?? "") },
  };
}

function tookWithin(report: LoadReport, { from, to }: Span): number[] {
  return report.took.filter((_, n) => {
    const due = report.due[n] as number;
    return due >= from && due < to;
  });
}

interface Round {
  readonly before: readonly number[];
  readonly fit: readonly number[];
  readonly fill: readonly number[];
  readonly fitMs: number;
  readonly fillMs: number;
  readonly refused: number;
}

interface RoundOptions {
  /** Products sent so far. */
  readonly known: number;
  readonly rate: number | undefined;
  readonly beforeMs: number;
}

async function round(
  { system, database, dataDir }: { system: System; database: Pool; dataDir: string },
  { known, rate, beforeMs }: RoundOptions,
): Promise<Round> {
  await untilAlone(database);
  const sender = startLoad({ url: system.run.url, key: system.key, rate });
  await delay(3_000);
  const before = { from: clock(), to: clock() + beforeMs };
  await delay(beforeMs);
  // the same corpus would give the same model; a corpus that grew by more than a fifth is fitted
  // again at the next check
  await tellProducts(system, known, known + 1);
  const [live] = await database.query<{ id: string }>({
    text: "update vectors.models set corpus_texts = 1 where state = 'live' returning id",
  });
  await untilLive(database, { texts: 2, otherThan: live?.id ?? "" });
  const report = await sender.stop();
  const { fit, fill } = await lastFit(dataDir);
  return {
    before: tookWithin(report, before),
    fit: tookWithin(report, fit),
    fill: tookWithin(report, fill),
    fitMs: fit.to - fit.from,
    fillMs: fill.to - fill.from,
    refused: report.refused,
  };
}

function quantiles(took: readonly number[]): { p50: number; p99: number; text: string } {
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  const [p50, p99] = [at(0.5), at(0.99)];
  const text = `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, max ${at(1).toFixed(1)} ms (${took.length} events)`;
  return { p50, p99, text };
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      products: { type: "string", default: "20000" },
      rounds: { type: "string", default: "2" },
      before: { type: "string", default: "20" },
      only: { type: "string" },
    },
  });
  const products = Number(flags.products);
  const dataDir = await mkdtemp(join(tmpdir(), "weir-bench-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const system = await start(dataDir);
  stack.defer(async () => void (await stop(system)));
  const database = openPool({ url: system.run.database_url, applicationName: "bench", max: 1 });
  stack.defer(() => database.close());
  await tellProducts(system, 0, products);
  let known = products;
  await untilLive(database, { texts: products, otherThan: "" });
  for (const [name, rate] of [
    ["steady", steadyRate],
    ["closed", undefined],
  ] as const) {
    if (flags.only !== undefined && flags.only !== name) continue;
    const rounds: Round[] = [];
    for (let n = 0; n < Number(flags.rounds); n++) {
      rounds.push(
        await round(
          { system, database, dataDir },
          { known: known++, rate, beforeMs: Number(flags.before) * 1000 },
        ),
      );
    }
    const all = (of: (round: Round) => readonly number[]) => quantiles(rounds.flatMap(of));
    const seconds = (of: (round: Round) => number) =>
      rounds.map((one) => (of(one) / 1000).toFixed(1)).join(", ");
    const [before, fit, fill] = [all((r) => r.before), all((r) => r.fit), all((r) => r.fill)];
    console.log(
      `${name}: ${rate === undefined ? `${connections} connections, closed loop` : `${rate} events/s`}, single events, ` +
        `${rounds.reduce((sum, { refused }) => sum + refused, 0)} refused\n` +
        `  before  ${before.text}\n` +
        `  fit     ${fit.text}: p99 x ${(fit.p99 / before.p99).toFixed(2)} (target ${bar}); it took ${seconds((r) => r.fitMs)} s for ${products} products\n` +
        `  fill    ${fill.text}: p99 x ${(fill.p99 / before.p99).toFixed(2)}; it took ${seconds((r) => r.fillMs)} s`,
    );
  }
}

if (process.argv[2] === "load") load(JSON.parse(process.argv[3] ?? "{}") as LoadOptions);
else await main();
