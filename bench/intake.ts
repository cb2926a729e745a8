/**
 * Intake alone: `node bench/intake.ts --events 500000 --partitions 6 --compression lz4 --batch 500`.
 *
 * A durable PostgreSQL, one real Kafka broker with a topic that is full before intake starts, and intake as
 * `weir serve --parts intake`. The rate counts from the first stored events to the last. CPU is user + system time from /proc.
 */
import { spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { withRole } from "../server/src/adapters/postgres/location.ts";
import { openPool, type Pool } from "../server/src/adapters/postgres/pool.ts";
import { localActor } from "../server/src/parts/auth/bounds.ts";
import { createKey } from "../server/src/parts/auth/keys.ts";
import { readPolicies } from "../server/src/parts/auth/policies.ts";
import { applyPolicies } from "../server/src/parts/auth/roles.ts";
import { createService } from "../server/src/parts/auth/services.ts";
import { policiesFolder } from "../server/src/process/paths.ts";
import { startKafka } from "../testing/servers/kafka.ts";
import { until } from "../testing/until.ts";
import { openBenchTopic } from "./bench-topic.ts";
import { withBenchServer } from "./etl.ts";
import { sampleEvent } from "./load-generator.ts";
import { readProcess, treeMicros } from "./processes.ts";

const main = new URL("../server/src/main.ts", import.meta.url).pathname;

interface Options {
  readonly events: number;
  readonly partitions: number;
  readonly compression: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  readonly batch: string;
}

async function newKey(database: Pool): Promise<string> {
  const by = { database, actor: localActor("bench"), env: "dev", random: randomBytes };
  await applyPolicies(by, await readPolicies(policiesFolder));
  await createService(by, { name: "bench", role: "service" });
  return (await createKey(by, { service: "bench" })).secret_key;
}

async function measure(url: string, brokers: readonly string[], options: Options) {
  const database = openPool({ url, applicationName: "weir bench intake", max: 2 });
  const folder = await mkdtemp(join(tmpdir(), "weir-bench-intake-"));
  const key = await newKey(database);
  const topic = await openBenchTopic(brokers, options);
  for (let sent = 0; sent < options.events; sent += 1_000) {
    const events = Array.from({ length: 1_000 }, (_, n) => sampleEvent(sent + n, randomUUID()));
    await topic.send(events, { "weir-key": key });
  }
  await topic.close();
  const intake = spawn(process.execPath, [main, "serve", "--parts", "intake", "--data", folder], {
    stdio: "ignore",
    env: {
      ...process.env,
      WEIR_DATABASE_APP_URL: withRole(url, "weir_app"),
      WEIR_DATABASE_INGEST_URL: withRole(url, "weir_ingest"),
      WEIR_KAFKA_BROKERS: brokers.join(","),
      WEIR_KAFKA_TOPICS_RAW_DATA_PARTITIONS: String(options.partitions),
      WEIR_INTAKE_BATCH_EVENTS: options.batch,
      WEIR_INGEST_RATE_LIMIT_EVENTS_PER_SECOND: "1000000",
      WEIR_INGEST_RATE_LIMIT_BURST_EVENTS: "1000000",
    },
  });
  try {
    const stored = async () => {
      const [row] = await database.query<{ n: number; pid: number }>({
        text: "select count(*)::int as n, pg_backend_pid() as pid from raw.events",
      });
      return row ?? { n: 0, pid: 0 };
    };
    const first = await until(
      async () => {
        const found = await stored();
        return found.n > 0 ? found : undefined;
      },
      { what: "the first events", timeoutMs: 120_000 },
    );
    const postgres = readProcess(first.pid)?.parent ?? 0;
    const cpu = () => ({
      intake: readProcess(intake.pid ?? 0)?.micros ?? 0,
      postgres: treeMicros(postgres),
    });
    const [began, before] = [performance.now(), cpu()];
    await until(async () => (await stored()).n >= options.events, {
      what: "intake to finish",
      timeoutMs: 1_800_000,
      everyMs: 250,
    });
    const [seconds, after] = [(performance.now() - began) / 1_000, cpu()];
    const events = options.events - first.n;
    return {
      events,
      seconds: round(seconds),
      events_per_s: Math.round(events / seconds),
      intake_us_per_event: round((after.intake - before.intake) / events),
      postgres_us_per_event: round((after.postgres - before.postgres) / events),
    };
  } finally {
    intake.kill("SIGTERM");
    await new Promise((resolve) => intake.once("exit", resolve));
    await database.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

async function run(options: Options): Promise<void> {
  const cleanUps: (() => void | Promise<void>)[] = [];
  const server = await startKafka({ after: (work) => cleanUps.push(work) });
  try {
    await withBenchServer(async (url) => {
      console.log(JSON.stringify({ ...options, ...(await measure(url, server.brokers, options)) }));
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
      batch: { type: "string", default: "500" },
    },
  });
  await run({
    events: Number(values.events),
    partitions: Number(values.partitions),
    compression: values.compression as Options["compression"],
    batch: values.batch,
  });
}
