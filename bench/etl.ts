/**
 * CPU of PostgreSQL for folding an event: `node bench/etl.ts --small 100000 --big 10000000`.
 *
 * Two durable servers with the product's own settings, one for each history: generate it, fold it; then
 * fold live streams of the same shape in steps of 5,000 and of 500, warm and right after a checkpoint. The
 * two histories alternate, so that other load on the machine does not look like growth; medians of the
 * rounds are compared. CPU is user + system time of the ETL's backend, from /proc. `--big-data DIR` keeps
 * the big history there, and reuses an existing one.
 */
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import pg from "pg";
import { startEmbeddedPostgres } from "../server/src/adapters/postgres/embedded.ts";
import { migrate } from "../server/src/adapters/postgres/migrate.ts";
import { openPool } from "../server/src/adapters/postgres/pool.ts";
import {
  defaultEventTypeMapping,
  syncEventTypeMapping,
} from "../server/src/parts/etl/event-types.ts";
import { stageNames } from "../server/src/parts/etl/step.ts";
import { foldAll, type History, writeHistory } from "./generate.ts";
import { readProcess } from "./processes.ts";

const dayMs = 86_400_000;
/** As at 10 million events in 30 days. */
const streamEventsPerDay = 333_333;
const streamUsers = 300_000;

const variants = [
  { batch: 5_000, state: "warm" },
  { batch: 500, state: "warm" },
  { batch: 5_000, state: "after checkpoint" },
  { batch: 500, state: "after checkpoint" },
] as const;
type Variant = (typeof variants)[number];

interface Measured {
  readonly events: number;
  readonly cpuMicros: number;
  readonly stepMs: { readonly p50: number; readonly p95: number };
  readonly stages: Readonly<Record<string, number>>;
}

/** The folded history of a server, generated if it does not exist. */
async function fillHistory(client: pg.Client, url: string, events: number): Promise<void> {
  const { rows } = await client.query("select 1 from raw.events limit 1");
  if (rows.length > 0) return;
  const end = Math.floor(Date.now() / dayMs) * dayMs - dayMs;
  const history: History = { events, days: 30, end, seed: 1 };
  await prepare(client, url, history);
  await writeHistory(client, history);
  await foldAll(client);
  await client.query("vacuum analyze");
}

/** Appends a live stream after the history, and measures the cost of folding it. */
async function measureStream(
  client: pg.Client,
  { batch, state }: Variant,
  stream: { readonly events: number; readonly seed: number },
): Promise<Measured> {
  const { rows } = await client.query<{ at: Date }>(
    "select max(received_at) as at from raw.events",
  );
  const start = (rows[0]?.at.getTime() ?? 0) + 1;
  const days = stream.events / streamEventsPerDay;
  const end = start + days * dayMs;
  // the stream is "received" after the history: move the reader there, as in live operation
  await client.query("update log.readers set since = $1 where name = 'windows'", [new Date(start)]);
  await client.query(
    "select etl.ensure_facts_partitions($1::timestamptz::date, $2::timestamptz::date)",
    [new Date(start), new Date(end + dayMs)],
  );
  await writeHistory(
    client,
    { events: stream.events, days, end, seed: stream.seed, users: streamUsers },
    { transactionEvents: Math.min(batch, 1_000) },
  );
  if (state === "after checkpoint") await client.query("checkpoint");
  return measureSteps(client, batch);
}

async function prepare(client: pg.Client, url: string, history: History): Promise<void> {
  const pool = openPool({ url, applicationName: "weir bench etl" });
  await syncEventTypeMapping(pool, defaultEventTypeMapping);
  await pool.close();
  await client.query(
    "select etl.ensure_facts_partitions($1::timestamptz::date, $2::timestamptz::date)",
    [new Date(history.end - (history.days + 4) * dayMs), new Date(history.end + 4 * dayMs)],
  );
}

async function measureSteps(client: pg.Client, batch: number): Promise<Measured> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const pid = rows[0]?.pid ?? 0;
  const stages = stageNames.map(() => 0);
  const times: number[] = [];
  let events = 0;
  const before = readProcess(pid)?.micros ?? Number.NaN;
  for (;;) {
    const started = performance.now();
    const step = await client.query<{ events: number; stage_us: number[] }>(
      "select events, stage_us from etl.step((select epoch from log.readers where name = 'windows'), $1)",
      [batch],
    );
    const folded = step.rows[0]?.events ?? 0;
    if (folded === 0) break;
    times.push(performance.now() - started);
    events += folded;
    for (const [place, micros] of (step.rows[0]?.stage_us ?? []).entries()) {
      stages[place] = (stages[place] ?? 0) + micros;
    }
  }
  const used = (readProcess(pid)?.micros ?? Number.NaN) - before;
  times.sort((a, b) => a - b);
  const at = (share: number) => round(times[Math.floor((times.length - 1) * share)] ?? 0);
  return {
    events,
    cpuMicros: round(used / events),
    stepMs: { p50: at(0.5), p95: at(0.95) },
    stages: Object.fromEntries(
      stageNames.map((name, n) => [name, round((stages[n] ?? 0) / events)]),
    ),
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** A durable server with the product's settings; a temporary one is removed afterwards. */
export async function withBenchServer<T>(
  work: (url: string) => Promise<T>,
  keptIn?: string,
): Promise<T> {
  const dataDir = keptIn ?? (await mkdtemp(join(tmpdir(), "weir-bench-")));
  await mkdir(dataDir, { recursive: true });
  await chmod(dataDir, 0o711);
  try {
    const server = await startEmbeddedPostgres({ dataDir, durable: true });
    try {
      await migrate({ url: server.url });
      return await work(server.url);
    } finally {
      await server.stop();
    }
  } finally {
    if (keptIn === undefined) await rm(dataDir, { recursive: true, force: true });
  }
}

async function withHistory<T>(
  history: { readonly events: number; readonly keptIn?: string | undefined },
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return withBenchServer(async (url) => {
    const client = new pg.Client({ connectionString: url, application_name: "weir bench etl" });
    await client.connect();
    try {
      await fillHistory(client, url, history.events);
      return await work(client);
    } finally {
      await client.end();
    }
  }, history.keptIn);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle - 0.5)] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      small: { type: "string", default: "100000" },
      big: { type: "string", default: "10000000" },
      "big-data": { type: "string" },
      stream: { type: "string", default: "50000" },
      rounds: { type: "string", default: "3" },
    },
  });
  const rounds = Number(values.rounds);
  const names = { small: values.small, big: values.big };
  const cpu = new Map<string, number[]>();
  await withHistory({ events: Number(values.small) }, (small) =>
    withHistory({ events: Number(values.big), keptIn: values["big-data"] }, async (big) => {
      // the first round warms up and is not counted
      for (let round = 0; round <= rounds; round++) {
        for (const [place, variant] of variants.entries()) {
          const stream = { events: Number(values.stream), seed: 100 + 10 * round + place };
          const turns = [["small", small] as const, ["big", big] as const];
          for (const [history, client] of round % 2 === 0 ? turns : turns.reverse()) {
            const measured = await measureStream(client, variant, stream);
            if (round === 0) continue;
            console.log(
              JSON.stringify({ history: names[history], round, ...variant, ...measured }),
            );
            const key = `${history} ${place}`;
            cpu.set(key, [...(cpu.get(key) ?? []), measured.cpuMicros]);
          }
        }
      }
    }),
  );
  for (const [place, { state, batch }] of variants.entries()) {
    const of = (history: string) => median(cpu.get(`${history} ${place}`) ?? []);
    console.log(
      `${state}, steps of ${batch}: ${round(of("small"))} µs at ${names.small}, ${round(of("big"))} µs at ${names.big}, ratio ${Math.round((of("big") / of("small")) * 100) / 100}`,
    );
  }
}

if (import.meta.main) await main();
