/**
 * The relay alone: `node bench/relay.ts --events 500000 --compression lz4`.
 *
 * A durable PostgreSQL with a history of events, one real Kafka broker, and the relay as `weir serve --parts relay`. It
 * copies the whole history; the rate counts from the first recorded page to the last. CPU is user + system time from
 * /proc. `waits for Kafka` is the share of the time in which a request was in flight: near 1 the broker decides the
 * rate, near 0 the reading and encoding.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import pg from "pg";
import { withRole } from "../server/src/adapters/postgres/location.ts";
import { openPool } from "../server/src/adapters/postgres/pool.ts";
import { readLag } from "../server/src/parts/log/lag.ts";
import { startKafka } from "../testing/servers/kafka.ts";
import { until } from "../testing/until.ts";
import { withBenchServer } from "./etl.ts";
import { writeHistory } from "./generate.ts";
import { readProcess, treeMicros } from "./processes.ts";

const main = new URL("../server/src/main.ts", import.meta.url).pathname;

interface Options {
  readonly events: number;
  readonly partitions: string;
  readonly compression: string;
  readonly pageEvents: string;
}

async function measure(url: string, brokers: readonly string[], options: Options) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const database = openPool({ url, applicationName: "weir bench relay", max: 2 });
  const folder = await mkdtemp(join(tmpdir(), "weir-bench-relay-"));
  const relay = spawn(process.execPath, [main, "serve", "--parts", "relay", "--data", folder], {
    stdio: "ignore",
    env: {
      ...process.env,
      WEIR_DATABASE_APP_URL: withRole(url, "weir_app"),
      WEIR_KAFKA_BROKERS: brokers.join(","),
      WEIR_KAFKA_COMPRESSION: options.compression,
      WEIR_KAFKA_TOPICS_EVENTS_PARTITIONS: options.partitions,
      WEIR_RELAY_PAGE_EVENTS: options.pageEvents,
    },
  });
  try {
    const pid = relay.pid ?? 0;
    const relayed = async () => {
      const { rows } = await client.query<{ events: string }>(
        "select events from log.readers where name = 'relay'",
      );
      return Number(rows[0]?.events ?? 0);
    };
    const [backend] = (await client.query<{ pid: number }>("select pg_backend_pid() as pid")).rows;
    const postgres = readProcess(backend?.pid ?? 0)?.parent ?? 0;
    const first = await until(async () => (await relayed()) || undefined, {
      what: "the first page",
      timeoutMs: 120_000,
    });
    const cpu = () => ({ relay: readProcess(pid)?.micros ?? 0, postgres: treeMicros(postgres) });
    const [began, before, sentBefore] = [performance.now(), cpu(), await sendSeconds(client)];
    await until(async () => (await relayed()) >= options.events, {
      what: "the relay to finish",
      timeoutMs: 1_800_000,
      everyMs: 20,
    });
    const [seconds, after] = [(performance.now() - began) / 1_000, cpu()];
    const events = options.events - first;
    const lag = await readLag(database, "relay");
    // metrics are published every five seconds
    const sentAfter = await until(
      async () => {
        const found = await sendSeconds(client);
        return found > sentBefore ? found : undefined;
      },
      { what: "the metrics", timeoutMs: 30_000 },
    );
    return {
      events,
      seconds: round(seconds),
      events_per_s: Math.round(events / seconds),
      relay_us_per_event: round((after.relay - before.relay) / events),
      postgres_us_per_event: round((after.postgres - before.postgres) / events),
      waits_for_kafka: round((sentAfter - sentBefore) / seconds),
      unread: lag?.events,
    };
  } finally {
    relay.kill("SIGTERM");
    await new Promise((resolve) => relay.once("exit", resolve));
    await database.close();
    await client.end();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Time for which requests were in flight, as the relay has published it last. */
async function sendSeconds(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ sum: number | null }>(
    `select sum((v ->> 'value')::float8) as sum from telemetry.processes
     cross join lateral jsonb_path_query(metrics,
       '$[*] ? (@.name == "weir_kafka_send_seconds").values[*] ? (@.metricName == "weir_kafka_send_seconds_sum")') v`,
  );
  return rows[0]?.sum ?? 0;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

async function run(options: Options): Promise<void> {
  const cleanUps: (() => void | Promise<void>)[] = [];
  const server = await startKafka({ after: (work) => cleanUps.push(work) });
  try {
    await withBenchServer(async (url) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const end = Math.floor(Date.now() / 86_400_000) * 86_400_000;
      await writeHistory(
        client,
        { events: options.events, days: 1, end, seed: 1 },
        { transactionEvents: 500 },
      );
      await client.query(
        "insert into auth.services (name, role) select 'service ' || n, 'service' from generate_series(1, 5) n",
      );
      await client.query("vacuum analyze raw.events");
      await client.end();
      const before = readProcess(server.pid)?.micros ?? 0;
      const measured = await measure(url, server.brokers, options);
      const broker = (readProcess(server.pid)?.micros ?? 0) - before;
      const kafka_us_per_event = round(broker / measured.events);
      console.log(JSON.stringify({ ...options, ...measured, kafka_us_per_event }));
    });
  } finally {
    for (const work of cleanUps.reverse()) await work();
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      events: { type: "string", default: "500000" },
      partitions: { type: "string", default: "6" },
      compression: { type: "string", default: "lz4" },
      page: { type: "string", default: "2000" },
    },
  });
  const { events, partitions, compression, page } = values;
  await run({ events: Number(events), partitions, compression, pageEvents: page });
}
