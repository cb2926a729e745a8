/** A separate Weir for a benchmark: starts it, sends events, measures its memory and stops it. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type RunFile, readRunFile, readSecretFile } from "../server/src/process/run-file.ts";
import { productName } from "../testing/product-name.ts";
import { readTree } from "./processes.ts";

const main = fileURLToPath(new URL("../server/src/main.ts", import.meta.url));

export interface System {
  readonly process: ChildProcess;
  readonly run: RunFile;
  readonly key: string;
  readonly startedMs: number;
}

export async function start(dataDir: string): Promise<System> {
  const began = performance.now();
  const child = spawn(
    process.execPath,
    [main, "up", "--data", dataDir, "--port", "0", "--no-demo"],
    {
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  for (;;) {
    const run = readRunFile(dataDir);
    if (run?.pids["supervisor"] === child.pid && run !== undefined) {
      const key = readSecretFile(run.keys.admin ?? "") ?? "";
      return { process: child, run, key, startedMs: performance.now() - began };
    }
    if (child.exitCode !== null) throw new Error(`weir up ended with ${child.exitCode}`);
    await delay(10);
  }
}

export async function stop({ process: child }: System): Promise<number> {
  const began = performance.now();
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGINT");
  await gone;
  return performance.now() - began;
}

/** Proportional set size of a process and all its descendants, in MB: shared pages count once. */
function memoryMb(root: number): number {
  let kilobytes = 0;
  for (const pid of readTree(root).keys()) {
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    } catch {
      // It ended meanwhile.
    }
  }
  return kilobytes / 1024;
}

/** The whole system: PostgreSQL is a child of the supervisor. */
export function systemMb({ run }: System): number {
  return memoryMb(run.pids["supervisor"] ?? 0);
}

let counter = 0;
/** Events answered 503: a client would send them again; here they are counted and reported. */
export let refused = 0;

const knownProducts = 5_000;
/** The product of an event, by the event's number: an approximate power law that repeats. */
const productAt = Array.from({ length: 10_007 }, (_, n) =>
  Math.floor(knownProducts * (((n * 104_729) % 10_007) / 10_007) ** 2),
);
const knownParts = Array.from({ length: knownProducts }, (_, known) =>
  productPart(`product-${known}`, productName(known), known),
);

/** The JSON text between the session's id and the path's number. */
function productPart(id: string, name: string, known: number): string {
  return (
    `","product":{"id":"${id}","name":"${name}","category":"category-${known % 20}",` +
    `"price":19.99,"currency":"TRY","quantity":1},"properties":{"path":"/p/`
  );
}

const lastPart = `","referrer":"https://example.org/search","campaign":"autumn"}}`;

/**
 * A batch of a shop's events: 5,000 products by an approximate power law and 50,000 users. Built from
 * prepared strings, because the sender shares the CPUs with the measured system.
 * @param newProducts share of events with a new product
 */
function makeBatch(count: number, newProducts: number): { body: Buffer; fresh: string[] } {
  const fresh: string[] = [];
  let body = "[";
  for (let place = 0; place < count; place++) {
    const n = counter++;
    const isNew = Math.floor((n + 1) * newProducts) > Math.floor(n * newProducts);
    const known = productAt[n % productAt.length] as number;
    if (isNew) fresh.push(`new-${n}`);
    const type = n % 12 === 0 ? "cart.add" : n % 30 === 0 ? "purchase" : "product.view";
    const product = isNew
      ? productPart(`new-${n}`, productName(n), known)
      : (knownParts[known] as string);
    body +=
      `${place === 0 ? "" : ","}{"event_type":"${type}","user_id":"user-${(n * 7919) % 50_000}",` +
      `"session_id":"session-${n % 9_000}${product}${n % 5_000}${lastPart}`;
  }
  // the text is ASCII
  return { body: Buffer.from(`${body}]`, "latin1"), fresh };
}

export interface Plan {
  /** Events per second. */
  readonly rate: number;
  readonly seconds: number;
  readonly batch: number;
  /** Share of events about a new product. */
  readonly newProducts?: number;
}

export interface Answered {
  /** Number of events sent up to this request. */
  readonly sent: number;
  readonly newProducts: readonly string[];
}

const agent = new Agent({ keepAlive: true, noDelay: true });

function post({ run, key }: System, body: Buffer, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/json",
      "content-length": body.length,
      "x-api-key": key,
    };
    const sent = request(`${run.url}/api/events/batch`, { agent, method: "POST", headers });
    sent.once("error", reject);
    sent.once("response", (response) => {
      const { statusCode = 0 } = response;
      if (statusCode === 503) refused += count;
      let text = "";
      if (statusCode === 202 || statusCode === 503) response.resume();
      else response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      response.once("error", reject);
      response.once("end", () => {
        if (statusCode === 202 || statusCode === 503) resolve();
        else reject(new Error(`${statusCode} ${text.slice(0, 300)}`));
      });
    });
    sent.end(body);
  });
}

/** Sends at a steady rate, regardless of response times; resolves with the number of events sent. */
export async function pace(
  system: System,
  plan: Plan,
  each: (answered: Answered) => void = () => undefined,
): Promise<number> {
  const began = performance.now();
  const open = new Set<Promise<void>>();
  let sent = 0;
  let failure: unknown;
  while (performance.now() - began < plan.seconds * 1000) {
    while (sent < ((performance.now() - began) / 1000) * plan.rate) {
      sent += plan.batch;
      const number = sent;
      const { body, fresh } = makeBatch(plan.batch, plan.newProducts ?? 0);
      const request = post(system, body, plan.batch)
        .then(() => each({ sent: number, newProducts: fresh }))
        .catch((error: unknown) => {
          failure = error;
        })
        .finally(() => open.delete(request));
      open.add(request);
    }
    if (failure !== undefined) throw failure;
    // until the next request is due, or to report a failure
    const due = (sent / plan.rate) * 1000 - (performance.now() - began);
    await delay(Math.max(1, Math.min(due, 100)));
  }
  await Promise.all(open);
  return sent;
}

export function quantile(sorted: readonly number[], share: number): string {
  return (
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  ).toFixed(0);
}
