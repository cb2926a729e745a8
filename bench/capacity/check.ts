/** Predictions against a real Weir, at several rates. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { type CpuReport, countCpu } from "../cpu-by-process.ts";
import { pace, refused, type System, start, stop, systemMb } from "../running-weir.ts";
import { type Costs, type Load, partCosts } from "./model.ts";

export interface CheckOptions {
  readonly rates: readonly number[];
  readonly seconds: number;
  readonly costs: Costs;
  /** Everything but the rate. */
  readonly load: Load;
}

/** The whole CPU may differ by this much. */
const tolerance = 0.35;
/** Autovacuum, caches and the JIT compiler are not those of a system at work before. */
const warmUpSeconds = 10;
/** A rate that the machine cannot sustain is reported, not waited for. */
const longestSettlingMs = 60_000;

/** Prints a table for each rate; whether every whole is within the tolerance. */
export async function checkPredictions(options: CheckOptions): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "weir-capacity-"));
  const system = await start(folder);
  let isRight = true;
  try {
    const load = { ...options.load, path: "http", engine: "builtin" } as const;
    await reportIdle(system, options.costs);
    for (const rate of options.rates) {
      const measured = await measure(system, { rate, batch: load.batch, seconds: options.seconds });
      const ratio = report({ ...load, rate }, options.costs, measured);
      if (Math.abs(ratio - 1) > tolerance) isRight = false;
    }
  } finally {
    await stop(system);
    await rm(folder, { recursive: true, force: true });
  }
  return isRight;
}

/** CPU without events, by part: timers, health, heartbeats. */
async function reportIdle(system: System, costs: Costs): Promise<void> {
  await delay(warmUpSeconds * 1000);
  const counted = countCpu(system.run.pids["supervisor"] ?? 0, system.run.database_url);
  await delay(warmUpSeconds * 1000);
  const left = new Map((await counted()).byName);
  console.log("idle, milliseconds of CPU a second:");
  for (const [part, { idle_ms: predicted = 0, measured_as: names = [] }] of Object.entries(
    costs.cpu,
  )) {
    if (names.length === 0) continue;
    const is = take(left, names) / 1000 / warmUpSeconds;
    console.log(
      `  ${part.padEnd(28)} predicted ${predicted.toFixed(1)}, measured ${is.toFixed(1)}`,
    );
  }
}

interface Measured {
  readonly events: number;
  readonly perSecond: number;
  readonly refused: number;
  readonly cpu: CpuReport;
  readonly megabytes: number;
  readonly bytesPerEvent: number;
  readonly settledSeconds: number;
}

async function measure(
  system: System,
  { rate, batch, seconds }: { rate: number; batch: number; seconds: number },
): Promise<Measured> {
  await pace(system, { rate, seconds: warmUpSeconds, batch });
  const refusedBefore = refused;
  const sizeBefore = await databaseBytes(system);
  const counted = countCpu(system.run.pids["supervisor"] ?? 0, system.run.database_url);
  const began = performance.now();
  const events = await pace(system, { rate, seconds, batch });
  const took = (performance.now() - began) / 1000;
  const cpu = await counted();
  const megabytes = systemMb(system);
  const ended = performance.now();
  while ((await behind(system)) > 1 && performance.now() - ended < longestSettlingMs) {
    await delay(200);
  }
  return {
    events,
    perSecond: events / took,
    refused: refused - refusedBefore,
    cpu,
    megabytes,
    bytesPerEvent: ((await databaseBytes(system)) - sizeBefore) / events,
    settledSeconds: (performance.now() - ended) / 1000,
  };
}

async function databaseBytes({ run }: System): Promise<number> {
  const client = new pg.Client({ connectionString: run.database_url });
  await client.connect();
  const { rows } = await client.query<{ bytes: string }>(
    "select pg_database_size(current_database()) as bytes",
  );
  await client.end();
  return Number(rows[0]?.bytes);
}

/** Seconds that the windows are behind the log. */
async function behind({ run, key }: System): Promise<number> {
  const response = await fetch(`${run.url}/health`, { headers: { "x-api-key": key } });
  const { checks } = (await response.json()) as {
    checks: Record<string, { facts?: { read_s?: number } }>;
  };
  return checks["etl"]?.facts?.read_s ?? 0;
}

/** Prints predicted and measured CPU per event; returns measured / predicted of the whole. */
function report(load: Load, costs: Costs, measured: Measured): number {
  const { cpu, events } = measured;
  const left = new Map(cpu.byName.map(([name, micros]) => [name, micros / events]));
  console.log(
    `\n${load.rate} events/s: sent ${measured.perSecond.toFixed(0)}/s, refused ${measured.refused}, windows settled ${measured.settledSeconds.toFixed(1)} s after the end`,
  );
  let predicted = 0;
  let found = 0;
  for (const { part, cores } of partCosts(costs, load)) {
    const is = take(left, costs.cpu[part]?.measured_as ?? []);
    // what a part needs without events is spread over them
    const micros = (cores * 1e6) / load.rate;
    predicted += micros;
    found += is;
    line(part, micros, is);
  }
  line("whole", predicted, found);
  const { bytes } = costs;
  const stored =
    load.payload +
    bytes.raw_per_event_beside_payload +
    bytes.indexes_per_event +
    bytes.identity_per_event +
    bytes.facts_per_event +
    bytes.analytics_per_event;
  console.log(
    `  memory ${measured.megabytes.toFixed(0)} MB; stored ${measured.bytesPerEvent.toFixed(0)} B/event, predicted ${stored} at ${load.payload} B of payload`,
  );
  return found / predicted;
}

/** Removes and sums what has one of the names; `*` at an end stands for anything. */
function take(left: Map<string, number>, names: readonly string[]): number {
  const matches = (name: string) =>
    names.some((wanted) =>
      wanted.endsWith("*") ? name.startsWith(wanted.slice(0, -1)) : name === wanted,
    );
  let sum = 0;
  for (const [name, micros] of left) {
    if (!matches(name)) continue;
    sum += micros;
    left.delete(name);
  }
  return sum;
}

function line(what: string, predicted: number, measured: number): void {
  const ratio = predicted === 0 ? "" : ` (${(measured / predicted).toFixed(2)})`;
  console.log(
    `  ${what.padEnd(28)} predicted ${predicted.toFixed(1).padStart(6)} µs, measured ${measured.toFixed(1).padStart(6)} µs${ratio}`,
  );
}
