/**
 * CPU of PostgreSQL for folding an event: `node bench/etl.ts --small 100000 --big 10000000`.
 *
 * For each history, in a durable server of its own that is removed afterwards: generate it, fold it, then
 * fold a live stream (the same for all) in steps of 5,000 and of 500, warm and right after a checkpoint.
 * CPU is user + system time of the ETL's backend, from /proc.
 */
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import pg from "pg";
import { defaultEventTypeMapping, syncEventTypeMapping } from "../server/src/etl/event-types.ts";
import { stageNames } from "../server/src/etl/step.ts";
import { startEmbeddedPostgres } from "../server/src/postgres/embedded.ts";
import { migrate } from "../server/src/postgres/migrate.ts";
import { openPool } from "../server/src/postgres/pool.ts";
import { foldAll, type History, writeHistory } from "./generate.ts";

const dayMs = 86_400_000;
/** As at 10 million events in 30 days. */
const streamEventsPerDay = 333_333;
const streamUsers = 300_000;

interface Measured {
  readonly history: number;
  readonly state: "warm" | "after checkpoint";
  readonly batch: number;
  readonly events: number;
  readonly cpuMicros: number;
  readonly stepMs: { readonly p50: number; readonly p95: number };
  readonly stages: Readonly<Record<string, number>>;
}

async function measureHistory(
  url: string,
  events: number,
  streamEvents: number,
): Promise<Measured[]> {
  const client = new pg.Client({ connectionString: url, application_name: "weir bench etl" });
  await client.connect();
  try {
    const end = Math.floor(Date.now() / dayMs) * dayMs - dayMs;
    const history: History = { events, days: 30, end, seed: 1 };
    await prepare(client, url, history);
    await writeHistory(client, history);
    await foldAll(client);
    await client.query("vacuum analyze");
    const measured: Measured[] = [];
    // the first of each pair warms up and is not counted
    for (const [place, batch] of [5_000, 5_000, 500, 5_000, 500].entries()) {
      const afterCheckpoint = place >= 3;
      const start = end + (place * streamEvents * dayMs) / streamEventsPerDay;
      // the stream is "received" after the history: let the reader look there, as it would live
      await client.query("update etl.cursors set read_at = $1 where reader = 'windows'", [
        new Date(start),
      ]);
      await writeHistory(
        client,
        {
          events: streamEvents,
          days: streamEvents / streamEventsPerDay,
          end: start + (streamEvents * dayMs) / streamEventsPerDay,
          seed: 100 + place,
          users: streamUsers,
        },
        { transactionEvents: Math.min(batch, 1_000) },
      );
      if (afterCheckpoint) await client.query("checkpoint");
      const result = await measureSteps(client, batch);
      if (place > 0) {
        measured.push({
          history: events,
          state: afterCheckpoint ? "after checkpoint" : "warm",
          batch,
          ...result,
        });
      }
    }
    return measured;
  } finally {
    await client.end();
  }
}

async function prepare(client: pg.Client, url: string, history: History): Promise<void> {
  const pool = openPool({ url, applicationName: "weir bench etl" });
  await syncEventTypeMapping(pool, defaultEventTypeMapping);
  await pool.close();
  await client.query("update etl.cursors set read_at = 'epoch' where reader = 'windows'");
  await client.query(
    "select etl.ensure_facts_partitions($1::timestamptz::date, $2::timestamptz::date)",
    [new Date(history.end - (history.days + 4) * dayMs), new Date(history.end + 4 * dayMs)],
  );
}

async function measureSteps(
  client: pg.Client,
  batch: number,
): Promise<Omit<Measured, "history" | "state" | "batch">> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const pid = rows[0]?.pid ?? 0;
  const stages = stageNames.map(() => 0);
  const times: number[] = [];
  let events = 0;
  const before = await cpuMicros(pid);
  for (;;) {
    const started = performance.now();
    const step = await client.query<{ events: number; stage_us: number[] }>(
      "select events, stage_us from etl.step((select epoch from etl.cursors where reader = 'windows'), $1)",
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
  const used = (await cpuMicros(pid)) - before;
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

/** Clock ticks are 10 ms: some seconds of work are needed for two digits. */
async function cpuMicros(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** A durable server of its own for `work`, removed afterwards. */
export async function withBenchServer<T>(work: (url: string) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), "weir-bench-"));
  await chmod(dataDir, 0o711);
  try {
    const server = await startEmbeddedPostgres({
      dataDir,
      durable: true,
      extra: { shared_buffers: "1GB", max_wal_size: "4GB", jit: "off" },
    });
    try {
      await migrate({ url: server.url });
      return await work(server.url);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      small: { type: "string", default: "100000" },
      big: { type: "string", default: "10000000" },
      stream: { type: "string", default: "50000" },
    },
  });
  const all: Measured[] = [];
  for (const events of [Number(values.small), Number(values.big)]) {
    const measured = await withBenchServer((url) =>
      measureHistory(url, events, Number(values.stream)),
    );
    for (const one of measured) console.log(JSON.stringify(one));
    all.push(...measured);
  }
  const [small, big] = [Number(values.small), Number(values.big)];
  for (const state of ["warm", "after checkpoint"] as const) {
    for (const batch of [5_000, 500]) {
      const of = (history: number) =>
        all.find((m) => m.history === history && m.state === state && m.batch === batch)
          ?.cpuMicros ?? Number.NaN;
      console.log(
        `${state}, steps of ${batch}: ${of(small)} µs at ${small}, ${of(big)} µs at ${big}, ratio ${round((of(big) / of(small)) * 10) / 10}`,
      );
    }
  }
}

if (import.meta.main) await main();
