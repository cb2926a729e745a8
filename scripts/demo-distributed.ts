/**
 * `npm run demo:distributed`: Weir with a real Kafka, and Spark and Redis where they are installed. Events come over HTTP
 * and over Kafka; the first numbers and vectors are printed with all addresses. It runs until Ctrl-C.
 *
 *   --events N             of each way (2,000)
 *   --engine builtin|spark (spark, when it is installed)
 *   --port N               of Weir (8080; 0 is a free one)
 *   --data DIR             kept between runs (default: a folder that is removed at the end)
 *   --exit                 ends after the first result
 *
 * It uses the servers of `npm run services -- up`; a Kafka that does not run there is started for the demo.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type RunFile, readRunFile, readSecretFile } from "../server/src/process/run-file.ts";
import { kafkaInstall } from "../testing/servers/install/kafka.ts";
import { sparkInstall } from "../testing/servers/install/spark.ts";
import { startKafka } from "../testing/servers/kafka.ts";
import { sparkSettings } from "../testing/servers/spark-settings.ts";
import { until } from "../testing/until.ts";
import { groupOf, processGroups, readStates } from "./services/running.ts";

const main = join(import.meta.dirname, "..", "server", "src", "main.ts");
const { values: flags } = parseArgs({
  options: {
    events: { type: "string", default: "2000" },
    engine: { type: "string" },
    port: { type: "string", default: "8080" },
    data: { type: "string" },
    exit: { type: "boolean", default: false },
  },
});
/** The judge's limit for the first result is 3 minutes. */
const patienceMs = 180_000;
const began = performance.now();
const seconds = () => `${((performance.now() - began) / 1000).toFixed(0)} s`;

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => stop.abort(new Error("stopped")));
}

await using stack = new AsyncDisposableStack();
try {
  await demonstrate(stack);
} catch (error) {
  if (!stop.signal.aborted) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

async function demonstrate(stack: AsyncDisposableStack): Promise<void> {
  const servers = await runningServers();
  const brokers = servers.get("kafka") ?? (await ownKafka(stack));
  const spark = sparkEnvironment();
  const redis = servers.get("redis");
  const environment = {
    WEIR_KAFKA_BROKERS: brokers,
    ...(redis === undefined
      ? {}
      : {
          WEIR_REDIS_URL: `redis://${redis}`,
          WEIR_LIMITS_DRIVER: "redis",
          WEIR_CACHE_DRIVER: "redis",
        }),
    ...spark,
  };
  const { run, key, child } = await startWeir(stack, environment);
  say(`Weir ${run.url}, Kafka ${brokers}${redis === undefined ? "" : `, Redis ${redis}`}`);
  const ended = new Promise<never>((_, reject) => {
    child.once("exit", (code) => reject(new Error(`weir up ended with ${code}`)));
  });
  ended.catch(() => undefined);
  const events = Number(flags.events);
  for (const to of ["http", "kafka"]) {
    await generate({ to, events, run, key, environment });
  }
  await Promise.race([ended, firstResult({ run, key, events: 2 * events })]);
  printAddresses({ run, brokers, spark: Object.keys(spark).length > 0 });
  if (flags.exit) return;
  say("Ctrl-C ends everything");
  await Promise.race([ended, stopped()]);
}

/** `host:port` of what `npm run services -- up` has started and what still runs. */
async function runningServers(): Promise<ReadonlyMap<string, string>> {
  const groups = await processGroups();
  const alive = readStates().filter((state) => groupOf(state, groups) !== undefined);
  return new Map(
    alive.map(({ name, ports }) => [
      name,
      `127.0.0.1:${ports["broker"] ?? Object.values(ports)[0]}`,
    ]),
  );
}

async function ownKafka(stack: AsyncDisposableStack): Promise<string> {
  if (kafkaInstall.find() === undefined) {
    throw new Error("Kafka is not installed: npm run services -- install kafka");
  }
  say("starting Kafka");
  // cleaning up may register more to clean up
  const cleanUps: (() => unknown)[] = [];
  stack.defer(async () => {
    for (let work = cleanUps.pop(); work !== undefined; work = cleanUps.pop()) await work();
  });
  const kafka = await startKafka({ after: (work) => void cleanUps.push(work) });
  return kafka.brokers.join(",");
}

/** Nothing without Spark: the built-in engine folds the windows. */
function sparkEnvironment(): Record<string, string> {
  const engine = flags.engine ?? (sparkInstall.find() === undefined ? "builtin" : "spark");
  if (engine === "builtin") return {};
  if (engine !== "spark") throw new Error("--engine must be builtin or spark");
  return sparkSettings();
}

async function startWeir(
  stack: AsyncDisposableStack,
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly run: RunFile; readonly key: string; readonly child: ChildProcess }> {
  const folder = flags.data ?? (await mkdtemp(join(tmpdir(), "weir-demo-")));
  if (flags.data === undefined) {
    stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  }
  say("starting Weir");
  const args = ["up", "--data", folder, "--port", flags.port, "--no-demo"];
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ...environment },
    // Ctrl-C reaches this process, which stops it in order
    detached: true,
  });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  stack.defer(async () => {
    child.kill("SIGTERM");
    const killing = setTimeout(() => child.kill("SIGKILL"), 30_000);
    await gone;
    clearTimeout(killing);
  });
  const run = await until(
    () => {
      stop.signal.throwIfAborted();
      if (child.exitCode !== null) throw new Error(`weir up ended with ${child.exitCode}`);
      const found = readRunFile(folder);
      return found?.pids["supervisor"] === child.pid ? found : undefined;
    },
    { what: "Weir to be ready", timeoutMs: 120_000, everyMs: 200 },
  );
  return { run, key: readSecretFile(run.keys.admin ?? "") ?? "", child };
}

/** Prints the generator's report. */
async function generate(about: {
  readonly to: string;
  readonly events: number;
  readonly run: RunFile;
  readonly key: string;
  readonly environment: Readonly<Record<string, string>>;
}): Promise<void> {
  const { to, events, run, key, environment } = about;
  const flagsOf = ["--to", to, "-c", String(events), "--burst", "--url", run.url];
  const child = spawn(process.execPath, [main, "demo", "traffic", ...flagsOf], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...environment, WEIR_KEY: key },
    signal: stop.signal,
  });
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  if (code !== 0) throw new Error(`the generator ended with ${code}`);
}

/** Waits until all events are counted and products can be found by meaning. */
async function firstResult(about: {
  readonly run: RunFile;
  readonly key: string;
  readonly events: number;
}): Promise<void> {
  const { run, key, events } = about;
  const ask = async <T>(path: string, body?: object): Promise<T | undefined> => {
    stop.signal.throwIfAborted();
    const response = await fetch(`${run.url}${path}`, {
      headers: { "x-api-key": key, "content-type": "application/json" },
      signal: AbortSignal.timeout(10_000),
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    });
    return response.ok ? ((await response.json()) as T) : undefined;
  };
  const { engine } = (await ask<{ engine: string }>("/api/engine")) ?? { engine: "builtin" };
  const counted = async () => {
    const answer = await ask<{ current: Record<string, number> }>("/api/analytics/overview");
    const { current = {} } = answer ?? {};
    return (current["events"] ?? 0) >= events ? current : undefined;
  };
  const overview = await until(counted, {
    what: `${events} events in the windows`,
    timeoutMs: patienceMs,
    everyMs: 300,
  });
  const what = `events ${overview["events"]}, users ${overview["users"]}, sessions ${overview["sessions"]}`;
  say(`windows, engine ${engine}: ${what}`);
  const search = { text: "wireless headphones", limit: 1 };
  const found = await until(
    async () => {
      const answer = await ask<{ results: { score: number; payload: object }[] }>(
        "/api/search",
        search,
      );
      return answer?.results[0];
    },
    { what: "products with vectors", timeoutMs: patienceMs, everyMs: 300 },
  );
  say(`vectors: "${search.text}" finds ${JSON.stringify(found).slice(0, 200)}`);
}

function printAddresses(about: {
  readonly run: RunFile;
  readonly brokers: string;
  readonly spark: boolean;
}): void {
  const { run, brokers, spark } = about;
  const rows = {
    dashboard: run.url,
    API: `${run.url}/docs`,
    "topics and frames": `${run.url}/asyncapi.json`,
    health: `${run.url}/health/kafka`,
    key: run.keys.admin,
    Kafka: brokers,
    ...(spark ? { "Spark UI": "http://127.0.0.1:4040" } : {}),
  };
  for (const [name, value] of Object.entries(rows)) console.log(`  ${name.padEnd(18)} ${value}`);
}

function stopped(): Promise<void> {
  if (stop.signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    stop.signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function say(text: string): void {
  console.log(`[${seconds()}] ${text}`);
}
