/**
 * The complete system as a user starts it (`weir up --no-demo`, its own durable PostgreSQL):
 * `node bench/system.ts [--rate 5000] [--seconds 600] [--fresh-rate 500] [--fresh-seconds 30]`.
 *
 * Reports the time of the first and second start, memory idle and under load (proportional set size of all its
 * processes, every 15 seconds, as one measurement takes 50 ms), the time from an event's answer until the query
 * API counts it and until its new product has neighbours, the lag of windows, products and points under load,
 * CPU time by process (including the sender, which shares the CPUs with the measured system), and the time of
 * Ctrl-C.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { countCpu } from "./cpu-by-process.ts";
import { pace, quantile, refused, type System, start, stop, systemMb } from "./running-weir.ts";

const batchEvents = 100;

const { values: flags } = parseArgs({
  options: {
    rate: { type: "string", default: "5000" },
    seconds: { type: "string", default: "600" },
    "fresh-rate": { type: "string", default: "500" },
    "fresh-seconds": { type: "string", default: "30" },
  },
});

/** From a request's answer until its new products have neighbours, at 5 % new products. */
async function similarity(system: System, rate: number, seconds: number): Promise<number[]> {
  const waits: number[] = [];
  const watching = new Set<Promise<void>>();
  const watch = async (id: string, at: number) => {
    for (;;) {
      const response = await fetch(`${system.run.url}/api/products/${id}/similar?limit=1`, {
        headers: { "x-api-key": system.key },
      });
      const text = await response.text();
      if (response.status === 200) break;
      if (response.status !== 404) throw new Error(`${response.status} ${text.slice(0, 300)}`);
      await delay(3);
    }
    waits.push(performance.now() - at);
  };
  await pace(system, { rate, seconds, batch: 10, newProducts: 0.05 }, ({ newProducts }) => {
    const [id] = newProducts;
    // only one in five is watched, so that the polling adds little load
    if (id === undefined || Math.random() > 0.2) return;
    const watched = watch(id, performance.now()).finally(() => watching.delete(watched));
    watching.add(watched);
  });
  await Promise.all(watching);
  return waits.sort((a, b) => a - b);
}

/** Lag in seconds, from the health checks. */
interface Lag {
  readonly windows: number;
  readonly products: number;
}

async function readLag({ run, key }: System): Promise<Lag> {
  const response = await fetch(`${run.url}/health`, { headers: { "x-api-key": key } });
  const { checks } = (await response.json()) as {
    checks: Record<string, { facts?: { read_s?: number } }>;
  };
  return {
    windows: checks["etl"]?.facts?.read_s ?? Number.NaN,
    products: checks["stream"]?.facts?.read_s ?? Number.NaN,
  };
}

/** The age of the oldest change written by the last refresh of points, in seconds. */
async function readWaited({ run, key }: System): Promise<number> {
  const response = await fetch(`${run.url}/metrics`, { headers: { "x-api-key": key } });
  const found = /^weir_stream_refresh_waited_seconds\S* (\S+)$/m.exec(await response.text());
  if (found === null)
    throw new Error("the metrics do not say how long changes wait for their points");
  return Number(found[1]);
}

/** CPU time of all processors since the machine started, in milliseconds. */
function machineTimes(): { readonly busy: number; readonly all: number } {
  const times = cpus().map((cpu) => cpu.times);
  const all = times.flatMap((time) => Object.values(time)).reduce((sum, ms) => sum + ms, 0);
  return { busy: all - times.reduce((sum, { idle }) => sum + idle, 0), all };
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
    const similar = await similarity(system, Number(flags["fresh-rate"]), freshSeconds);
    console.log(
      `answer -> a new product has neighbours at ${flags["fresh-rate"]} events/s, 5 % of them new products: p50 ${quantile(similar, 0.5)} ms, p95 ${quantile(similar, 0.95)} ms, max ${quantile(similar, 1)} ms (${similar.length} products)`,
    );
  }

  const seconds = Number(flags.seconds);
  if (seconds > 0) {
    const samples: number[] = [];
    const lags: Lag[] = [];
    const waits: number[] = [];
    const weigh = () => {
      samples.push(systemMb(system));
      readWaited(system).then((waited) => waits.push(waited), console.error);
    };
    const sampling = setInterval(weigh, 15_000);
    const lagging = setInterval(() => {
      readLag(system).then((lag) => lags.push(lag), console.error);
    }, 1_000);
    const countedCpu = countCpu(system.run.pids["supervisor"] ?? 0, system.run.database_url);
    const began = performance.now();
    const ownBefore = process.cpuUsage();
    const machineBefore = machineTimes();
    const sent = await pace(system, { rate: Number(flags.rate), seconds, batch: batchEvents });
    const own = process.cpuUsage(ownBefore);
    const machine = machineTimes();
    const rate = sent / ((performance.now() - began) / 1000);
    const cpu = await countedCpu();
    clearInterval(sampling);
    clearInterval(lagging);
    weigh();
    const tenth = Math.max(1, Math.floor(samples.length / 10));
    const mean = (some: readonly number[]) => some.reduce((sum, mb) => sum + mb, 0) / some.length;
    const third = Math.floor(samples.length / 3);
    const early = samples.slice(third, third + tenth);
    console.log(
      `${sent} events at ${rate.toFixed(0)}/s for ${seconds} s, ${refused} of them refused with 503: at most ${Math.max(...samples).toFixed(0)} MB, after a third ${mean(early).toFixed(0)} MB, at the end ${mean(samples.slice(-tenth)).toFixed(0)} MB`,
    );
    for (const what of ["windows", "products"] as const) {
      const sorted = lags.map((lag) => lag[what]).sort((a, b) => a - b);
      const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]?.toFixed(1);
      console.log(
        `${what} behind the log: p50 ${at(0.5)} s, p95 ${at(0.95)} s, max ${at(1)} s (${sorted.length} samples)`,
      );
    }
    console.log(
      `interest vectors and counts behind their tables: at most ${Math.max(...waits).toFixed(0)} s (${waits.length} samples)`,
    );
    const busy = (machine.busy - machineBefore.busy) / (machine.all - machineBefore.all);
    const spent = (micros: number) => (micros / sent).toFixed(1);
    const total = cpu.byName.reduce((sum, [, micros]) => sum + micros, 0);
    console.log(
      `CPU per event: ${spent(total)} us; ${cpu.byName.map(([name, micros]) => `${name} ${spent(micros)}`).join(", ")}; sender in addition ${spent(own.user + own.system)}; all ${cpus().length} processors ${(100 * busy).toFixed(0)} % busy`,
    );
  }
  running = undefined;
  console.log(`stop ${((await stop(system)) / 1000).toFixed(2)} s`);
} finally {
  if (running !== undefined) await stop(running);
  await rm(dataDir, { recursive: true, force: true });
}
