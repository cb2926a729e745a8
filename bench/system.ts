/**
 * The whole system as a user starts it (`weir up --no-demo`, its own durable PostgreSQL):
 * `node bench/system.ts [--rate 5000] [--seconds 600] [--fresh-rate 500] [--fresh-seconds 30]`.
 *
 * Says how long first and second start take, what it keeps in memory idle and under load (proportional
 * set size of all its processes, every five seconds), how long events take from their answer until the
 * query API counts them, and how long Ctrl-C takes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type RunFile, readRunFile, readSecretFile } from "../server/src/run-file.ts";

const main = fileURLToPath(new URL("../server/src/main.ts", import.meta.url));
const batchEvents = 100;

const { values: flags } = parseArgs({
  options: {
    rate: { type: "string", default: "5000" },
    seconds: { type: "string", default: "600" },
    "fresh-rate": { type: "string", default: "500" },
    "fresh-seconds": { type: "string", default: "30" },
  },
});

interface System {
  readonly process: ChildProcess;
  readonly run: RunFile;
  readonly key: string;
  readonly startedMs: number;
}

async function start(dataDir: string): Promise<System> {
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

async function stop({ process: child }: System): Promise<number> {
  const began = performance.now();
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGINT");
  await gone;
  return performance.now() - began;
}

/** Proportional set size of a process and all below it, in MB: shared pages count once. */
function memoryMb(root: number): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended while the list was read.
    }
  }
  let kilobytes = 0;
  const todo = [root];
  for (let pid = todo.pop(); pid !== undefined; pid = todo.pop()) {
    todo.push(...(children.get(pid) ?? []));
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    } catch {
      // It ended meanwhile.
    }
  }
  return kilobytes / 1024;
}

/** All of it: PostgreSQL is a child of the supervisor that started it. */
function systemMb({ run }: System): number {
  return memoryMb(run.pids["supervisor"] ?? 0);
}

let counter = 0;
let refused = 0;
function body(count: number): string {
  return JSON.stringify(
    Array.from({ length: count }, () => {
      const n = counter++;
      return {
        event_type: n % 12 === 0 ? "cart.add" : n % 30 === 0 ? "purchase" : "product.view",
        user_id: `user-${(n * 7919) % 50_000}`,
        session_id: `session-${n % 9_000}`,
        product: {
          id: `product-${(n * 104_729) % 5_000}`,
          price: 19.99,
          currency: "TRY",
          quantity: 1,
        },
        properties: {
          path: `/p/${n % 5_000}`,
          referrer: "https://example.org/search",
          campaign: "autumn",
        },
      };
    }),
  );
}

async function post({ run, key }: System, count: number): Promise<void> {
  const response = await fetch(`${run.url}/api/events/batch`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": key },
    body: body(count),
  });
  const text = await response.text();
  if (response.status === 202) return;
  // A client would send them again; here it is counted, so that it shows.
  if (response.status === 503) refused += count;
  else throw new Error(`${response.status} ${text.slice(0, 300)}`);
}

/** Sends at a steady rate, whatever the answers take; resolves with how many events were sent. */
async function pace(
  system: System,
  plan: { rate: number; seconds: number; batch: number },
  each: (sent: number) => void = () => undefined,
): Promise<number> {
  const began = performance.now();
  const open = new Set<Promise<void>>();
  let sent = 0;
  let failure: unknown;
  while (performance.now() - began < plan.seconds * 1000) {
    while (sent < ((performance.now() - began) / 1000) * plan.rate) {
      sent += plan.batch;
      const number = sent;
      const request = post(system, plan.batch)
        .then(() => each(number))
        .catch((error: unknown) => {
          failure = error;
        })
        .finally(() => open.delete(request));
      open.add(request);
    }
    if (failure !== undefined) throw failure;
    await delay(2);
  }
  await Promise.all(open);
  return sent;
}

/** From a request's answer until the Overview counts its events. */
async function freshness(system: System, rate: number, seconds: number): Promise<number[]> {
  const count = async () => {
    const response = await fetch(`${system.run.url}/api/analytics/overview`, {
      headers: { "x-api-key": system.key },
    });
    return ((await response.json()) as { current: { events: number } }).current.events;
  };
  const before = await count();
  const waiting: { number: number; at: number }[] = [];
  const waits: number[] = [];
  let acknowledged = 0;
  let done = false;
  const watching = (async () => {
    while (!done || waiting.length > 0) {
      const seen = (await count()) - before;
      const now = performance.now();
      while (waiting[0] !== undefined && waiting[0].number <= seen) {
        waits.push(now - (waiting.shift()?.at ?? now));
      }
      await delay(5);
    }
  })();
  await pace(system, { rate, seconds, batch: 10 }, () => {
    acknowledged += 10;
    waiting.push({ number: acknowledged, at: performance.now() });
  });
  done = true;
  await watching;
  return waits.sort((a, b) => a - b);
}

function quantile(sorted: readonly number[], share: number): string {
  return (
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  ).toFixed(0);
}

const dataDir = await mkdtemp(join(tmpdir(), "weir-bench-"));
let running: System | undefined;
try {
  const first = await start(dataDir);
  console.log(`first start ${(first.startedMs / 1000).toFixed(2)} s`);
  console.log(`stop ${((await stop(first)) / 1000).toFixed(2)} s`);
  const system = await start(dataDir);
  running = system;
  console.log(`second start ${(system.startedMs / 1000).toFixed(2)} s`);
  await delay(10_000);
  console.log(`idle ${systemMb(system).toFixed(0)} MB`);

  const freshSeconds = Number(flags["fresh-seconds"]);
  if (freshSeconds > 0) {
    const waits = await freshness(system, Number(flags["fresh-rate"]), freshSeconds);
    console.log(
      `answer -> counted by the Overview at ${flags["fresh-rate"]} events/s: p50 ${quantile(waits, 0.5)} ms, p95 ${quantile(waits, 0.95)} ms, max ${quantile(waits, 1)} ms (${waits.length} requests)`,
    );
  }

  const seconds = Number(flags.seconds);
  if (seconds > 0) {
    const samples: number[] = [];
    const sampling = setInterval(() => samples.push(systemMb(system)), 5_000);
    const began = performance.now();
    const sent = await pace(system, { rate: Number(flags.rate), seconds, batch: batchEvents });
    clearInterval(sampling);
    const rate = sent / ((performance.now() - began) / 1000);
    const tenth = Math.max(1, Math.floor(samples.length / 10));
    const mean = (some: readonly number[]) => some.reduce((sum, mb) => sum + mb, 0) / some.length;
    const early = samples.slice(tenth * 3, tenth * 4);
    console.log(
      `${sent} events at ${rate.toFixed(0)}/s for ${seconds} s, ${refused} of them refused with 503: at most ${Math.max(...samples).toFixed(0)} MB, after a third ${mean(early).toFixed(0)} MB, at the end ${mean(samples.slice(-tenth)).toFixed(0)} MB`,
    );
  }
  running = undefined;
  console.log(`stop ${((await stop(system)) / 1000).toFixed(2)} s`);
} finally {
  if (running !== undefined) await stop(running);
  await rm(dataDir, { recursive: true, force: true });
}
