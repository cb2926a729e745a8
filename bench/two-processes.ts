/**
 * One HTTP process on one core against two on two cores, alternately, on one durable PostgreSQL:
 * `node bench/two-processes.ts [--rounds 3] [--seconds 8] [--only single|batch] [--cores 0,1]`. Each process has a load
 * generator of its own on its core. PostgreSQL runs on the cores of the processes, so that one core or two are all
 * that each run has, unless `--postgres-cores 2-3` and `--generator-cores 4-5` name others. Needs `taskset`.
 */
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { startEmbeddedPostgres } from "../server/src/adapters/postgres/embedded.ts";
import { supervisedVariable } from "../server/src/process/supervisor-channel.ts";
import type { LoadOptions, LoadReport } from "./load-generator.ts";
import { readProcess, readTree, treeMicros } from "./processes.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const main = here("../server/src/main.ts");

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "8" },
    only: { type: "string" },
    cores: { type: "string", default: "0,1" },
    "postgres-cores": { type: "string" },
    "generator-cores": { type: "string" },
  },
});

const shapes = [
  { name: "single", path: "/api/events/", connections: 32, batch: 1 },
  { name: "batch", path: "/api/events/batch", connections: 8, batch: 100 },
] as const;
const target = 1.7;

interface HttpProcess {
  readonly child: ChildProcess;
  readonly url: string;
  readonly core: string;
}

interface Measured {
  readonly eventsPerSecond: number;
  readonly p99Ms: number;
  /** CPU per event in microseconds. */
  readonly http: number;
  readonly postgres: number;
  readonly generators: number;
  readonly statuses: string;
}

function pin(pid: number, cores: string): void {
  execFileSync("taskset", ["-a", "-c", "-p", cores, String(pid)], { stdio: "ignore" });
}

async function startHttp(name: string, core: string, env: NodeJS.ProcessEnv): Promise<HttpProcess> {
  const child = fork(main, ["serve", "--parts", "http", "--port", "0", "--name", name], {
    // as a child of the supervisor, it reports where it listens
    env: { ...process.env, ...env, [supervisedVariable]: "1" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  pin(child.pid ?? 0, core);
  const url = await new Promise<string>((resolve, reject) => {
    child.on("message", (message: { type?: string; url?: string }) => {
      if (message.type === "ready" && message.url !== undefined) resolve(message.url);
    });
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code}`)));
  });
  pin(child.pid ?? 0, core);
  return { child, url, core };
}

async function stop({ child }: HttpProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  child.disconnect();
  await ended;
}

/** Runs a generator; calls `mark` when its measurement begins and when it ends. */
function generate(options: LoadOptions, cores: string, mark: () => void): Promise<LoadReport> {
  const child = fork(here("load-generator.ts"), [JSON.stringify(options)]);
  pin(child.pid ?? 0, cores);
  return new Promise((resolve, reject) => {
    child.on("message", (message) => {
      if (message === "measuring" || message === "measured") mark();
      else resolve(message as LoadReport);
    });
    child.once("exit", (code) => reject(new Error(`a load generator ended with ${code}`)));
  });
}

async function measure(
  processes: readonly HttpProcess[],
  shape: (typeof shapes)[number],
  context: { readonly key: string; readonly postmaster: number },
): Promise<Measured> {
  const cores = flags["postgres-cores"] ?? processes.map(({ core }) => core).join(",");
  for (const pid of readTree(context.postmaster).keys()) pin(pid, cores);
  const read = () => ({
    http: processes.reduce((sum, { child }) => sum + (readProcess(child.pid ?? 0)?.micros ?? 0), 0),
    postgres: treeMicros(context.postmaster),
  });
  const marks: ReturnType<typeof read>[] = [];
  const reports = await Promise.all(
    processes.map(({ url, core }) =>
      generate(
        {
          ...{ url, key: context.key, path: shape.path, batch: shape.batch },
          ...{ connections: shape.connections, warmUpMs: 5_000 },
          measureMs: Number(flags.seconds) * 1_000,
        },
        flags["generator-cores"] ?? core,
        () => marks.push(read()),
      ),
    ),
  );
  const events = reports.reduce((sum, report) => sum + report.events, 0);
  const [before, after] = [marks[0], marks.at(-1)];
  const spent = (name: "http" | "postgres") =>
    ((after?.[name] ?? 0) - (before?.[name] ?? 0)) / events;
  return {
    eventsPerSecond: reports.reduce((sum, report) => sum + report.eventsPerSecond, 0),
    p99Ms: Math.max(...reports.map((report) => report.p99Ms)),
    http: spent("http"),
    postgres: spent("postgres"),
    generators: reports.reduce((sum, { ownMicrosPerEvent: own }) => sum + own, 0) / reports.length,
    statuses: JSON.stringify(reports.map(({ statuses }) => statuses)),
  };
}

function say(name: string, m: Measured): void {
  const all = m.http + m.postgres + m.generators;
  process.stdout.write(
    `  ${name}  ${m.eventsPerSecond.toFixed(0).padStart(7)} events/s  p99 ${m.p99Ms.toFixed(1)} ms  CPU/event: ` +
      `http ${m.http.toFixed(1)} + PostgreSQL ${m.postgres.toFixed(1)} + generator ${m.generators.toFixed(1)} µs ` +
      `(PostgreSQL ${((100 * m.postgres) / all).toFixed(0)} %)  ${m.statuses}\n`,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function command(parameters: readonly string[], environment: NodeJS.ProcessEnv): string {
  const env = { ...process.env, ...environment };
  return execFileSync(process.execPath, [main, ...parameters], { env, encoding: "utf8" });
}

async function run(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "weir-bench-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const server = await startEmbeddedPostgres({ dataDir, durable: true });
  stack.defer(() => server.stop());
  const environment = {
    WEIR_DATA: join(dataDir, "weir"),
    WEIR_DATABASE_URL: server.url,
    WEIR_INGEST_RATE_LIMIT_EVENTS_PER_SECOND: "10000000",
    WEIR_INGEST_RATE_LIMIT_BURST_EVENTS: "10000000",
  };
  command(["migrate", "--json"], environment);
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  stack.defer(() => client.end());
  await client.query("select raw.prepare_days(2)");
  command(["services", "create", "bench", "--role", "service"], environment);
  const { secret_key: key } = JSON.parse(
    command(["keys", "create", "bench", "--json"], environment),
  ) as { secret_key: string };

  const processes: HttpProcess[] = [];
  for (const [index, core] of flags.cores.split(",").entries()) {
    const started = await startHttp(`http-${index + 1}`, core, environment);
    stack.defer(() => stop(started));
    processes.push(started);
  }
  const setups = [processes.slice(0, 1), processes];
  for (const shape of shapes) {
    if (flags.only !== undefined && flags.only !== shape.name) continue;
    process.stdout.write(`\n${shape.name}: ${shape.batch} event(s) per request\n`);
    const rates = new Map<number, number[]>(setups.map(({ length }) => [length, []]));
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const setup of round % 2 === 0 ? setups : setups.toReversed()) {
        await client.query("truncate raw.identities, raw.events");
        await client.query("checkpoint");
        const measured = await measure(setup, shape, { key, postmaster: server.pid });
        say(`${setup.length} process(es)`, measured);
        rates.get(setup.length)?.push(measured.eventsPerSecond);
      }
    }
    const ratio = median(rates.get(processes.length) ?? []) / median(rates.get(1) ?? []);
    process.stdout.write(`  medians: ${ratio.toFixed(2)} times (target ${target})\n`);
  }
}

if (import.meta.main) await run();
