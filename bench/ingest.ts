/**
 * Weir's accept path against the reference writer, alternately in one run, on a separate durable
 * PostgreSQL: `node bench/ingest.ts [--rounds 3] [--seconds 8] [--warm 15] [--only single|batch]`. Another build is
 * measured with `--weir "node path/to/main.ts serve --parts http --port 0"`: any command that sends
 * its parent `{ type: "ready", url }` over IPC and reads WEIR_DATABASE_URL. `--profile DIR` writes CPU
 * profiles of both servers to DIR.
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
import { copyRows } from "./copy-rows.ts";
import { type LoadOptions, type LoadReport, sampleEvent } from "./load-generator.ts";
import { readProcess, treeMicros } from "./processes.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const main = here("../server/src/main.ts");

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "8" },
    warm: { type: "string", default: "15" },
    only: { type: "string" },
    weir: { type: "string", default: `${main} serve --parts http --port 0` },
    "no-copy": { type: "boolean", default: false },
    profile: { type: "string" },
  },
});

/** In the order in which raw.append locks them: requests aborted a moment ago may still be written. */
const emptyTables = "truncate raw.identities, raw.events, reference_events";

interface Shape {
  readonly name: "single" | "batch";
  readonly connections: number;
  readonly batch: number;
  /** Targets: Weir's events/s and CPU relative to the reference. */
  readonly bars: { readonly rate: number; readonly cpu: number | undefined };
}
const shapes: readonly Shape[] = [
  { name: "single", connections: 64, batch: 1, bars: { rate: 0.75, cpu: 1.4 } },
  { name: "batch", connections: 16, batch: 100, bars: { rate: 0.7, cpu: undefined } },
];

interface Target {
  readonly name: "weir" | "reference";
  readonly url: string;
  readonly pid: number;
  readonly path: (shape: Shape) => string;
}

interface Measured extends LoadReport {
  readonly serverMicros: number;
  readonly postgresMicros: number;
}

function start(file: string, parameters: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const child = fork(file, [...parameters], {
    execArgv: flags.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${flags.profile}`],
    // as a child of the supervisor, it reports where it listens
    env: { ...process.env, [supervisedVariable]: "1", ...environment },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const url = new Promise<string>((resolve, reject) => {
    child.on("message", (message: { type?: string; url?: string }) => {
      if (message.type === "ready" && message.url !== undefined) resolve(message.url);
    });
    child.once("exit", (code) => reject(new Error(`${file} ended with ${code}`)));
  });
  return { child, url };
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  // the open IPC channel would keep it alive
  child.disconnect();
  await ended;
}

async function measure(
  target: Target,
  shape: Shape,
  context: { readonly key: string; readonly postmaster: number; readonly seconds: number },
): Promise<Measured> {
  const options: LoadOptions = {
    url: target.url,
    path: target.path(shape),
    key: context.key,
    connections: shape.connections,
    batch: shape.batch,
    warmUpMs: 2_000,
    measureMs: context.seconds * 1_000,
  };
  const child = fork(here("load-generator.ts"), [JSON.stringify(options)]);
  let before = { server: 0, postgres: 0 };
  let after = before;
  const read = () => ({
    server: readProcess(target.pid)?.micros ?? Number.NaN,
    postgres: treeMicros(context.postmaster),
  });
  const report = await new Promise<LoadReport>((resolve, reject) => {
    child.on("message", (message) => {
      if (message === "measuring") before = read();
      else if (message === "measured") after = read();
      else resolve(message as LoadReport);
    });
    child.once("exit", (code) => reject(new Error(`the load generator ended with ${code}`)));
  });
  return {
    ...report,
    serverMicros: (after.server - before.server) / report.events,
    postgresMicros: (after.postgres - before.postgres) / report.events,
  };
}

const copyEvents =
  "copy raw.events (service_id, format, event_id, occurred_at, user_key, product_key, amount, currency, event_type, payload) from stdin";
const copyIdentities = "copy raw.identities (event_id, service_id, content_hash) from stdin";

/**
 * Rows per second by COPY over one connection, 5,000 events per transaction: the log's rows alone, or all
 * rows that Weir keeps of an event, including its identity.
 */
async function measureCopy(client: pg.Client, withIdentities: boolean): Promise<number> {
  const total = 200_000;
  const perTransaction = 5_000;
  const prefix = Math.floor(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, "0");
  const transactions = Array.from({ length: total / perTransaction }, (_, t) => {
    const rows = Array.from({ length: perTransaction }, (_r, r) => {
      const n = t * perTransaction + r;
      const spread = (Math.imul(n, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0");
      const id = `${spread}-${prefix.slice(0, 4)}-4${prefix.slice(4, 7)}-8000-${n.toString(16).padStart(12, "0")}`;
      const payload = sampleEvent(n, id);
      const { event_type: type, user_id: user, product } = JSON.parse(payload);
      const amount = (product.price * product.quantity).toFixed(2);
      return {
        event: `1\t0\t${id}\t${new Date().toISOString()}\t${user}\t${product.id}\t${amount}\tTRY\t${type}\t${payload}\n`,
        identity: `${id}\t1\t${Math.imul(n, 0x9e3779b1)}\n`,
      };
    });
    return {
      events: chunks(rows.map(({ event }) => event)),
      identities: chunks(rows.map(({ identity }) => identity)),
    };
  });
  const started = performance.now();
  for (const { events, identities } of transactions) {
    await client.query("begin");
    if (withIdentities) await copyRows(client, copyIdentities, identities);
    await copyRows(client, copyEvents, events);
    await client.query("commit");
  }
  return (total * 1000) / (performance.now() - started);
}

/** A hundred lines per message. */
function chunks(lines: readonly string[]): string[] {
  return Array.from({ length: lines.length / 100 }, (_, n) =>
    lines.slice(n * 100, (n + 1) * 100).join(""),
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function say(name: string, m: Measured): void {
  const number = (value: number, digits = 0) => value.toFixed(digits).padStart(8);
  const statuses = Object.entries(m.statuses)
    .map(([status, count]) => `${status}: ${count}`)
    .join(", ");
  process.stdout.write(
    `  ${name.padEnd(10)}${number(m.eventsPerSecond)} events/s  p50 ${number(m.p50Ms, 2)} ms  p99 ${number(m.p99Ms, 2)} ms  ` +
      `CPU/event: server ${number(m.serverMicros, 1)} + PostgreSQL ${number(m.postgresMicros, 1)} = ` +
      `${number(m.serverMicros + m.postgresMicros, 1)} µs  (generator ${number(m.ownMicrosPerEvent, 1)})  [${statuses}]\n`,
  );
}

function command(parameters: readonly string[], environment: NodeJS.ProcessEnv): string {
  return execFileSync(process.execPath, [main, ...parameters], {
    env: { ...process.env, ...environment },
    encoding: "utf8",
  });
}

async function run(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), "weir-bench-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(dataDir, { recursive: true, force: true }));
  const server = await startEmbeddedPostgres({ dataDir, durable: true });
  stack.defer(() => server.stop());
  const environment = {
    WEIR_DATABASE_URL: server.url,
    WEIR_INGEST_RATE_LIMIT_EVENTS_PER_SECOND: "10000000",
    WEIR_INGEST_RATE_LIMIT_BURST_EVENTS: "10000000",
  };
  command(["migrate", "--json"], environment);
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  stack.defer(() => client.end());
  await client.query("select raw.prepare_days(2)");
  await client.query(
    "insert into auth.roles (name, permissions) values ('bench', '{events.post.*}')",
  );
  command(["services", "create", "bench", "--role", "bench"], environment);
  const { secret_key: key } = JSON.parse(
    command(["keys", "create", "bench", "--json"], environment),
  ) as { secret_key: string };

  const [weirFile = main, ...weirParameters] = flags.weir.split(" ");
  const weir = start(weirFile, weirParameters, environment);
  stack.defer(() => stop(weir.child));
  const reference = start(here("reference-writer.ts"), ["--url", server.url]);
  stack.defer(() => stop(reference.child));
  const targets: readonly Target[] = [
    {
      name: "reference",
      url: await reference.url,
      pid: reference.child.pid ?? 0,
      path: () => "/",
    },
    {
      name: "weir",
      url: await weir.url,
      pid: weir.child.pid ?? 0,
      path: (shape) => (shape.name === "single" ? "/api/events/" : "/api/events/batch"),
    },
  ];

  const context = { key, postmaster: server.pid };
  for (const shape of shapes) {
    if (flags.only !== undefined && flags.only !== shape.name) continue;
    process.stdout.write(
      `\n${shape.name}: ${shape.batch} event(s) per request, ${shape.connections} connections\n`,
    );
    // JIT compilation settles after tens of thousands of requests, which are not measured
    for (const target of targets) {
      await measure(target, shape, { ...context, seconds: Number(flags.warm) });
    }
    const results = { weir: [] as Measured[], reference: [] as Measured[] };
    const copies = { events: [] as number[], all: [] as number[] };
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
        await client.query(emptyTables);
        await client.query("checkpoint");
        const measured = await measure(target, shape, {
          ...context,
          seconds: Number(flags.seconds),
        });
        say(target.name, measured);
        results[target.name].push(measured);
      }
      if (shape.name === "batch" && !flags["no-copy"]) {
        for (const what of ["all", "events"] as const) {
          await client.query(emptyTables);
          await client.query("checkpoint");
          const rate = await measureCopy(client, what === "all");
          copies[what].push(rate);
          process.stdout.write(
            `  COPY      ${rate.toFixed(0).padStart(8)} events/s into raw.events${what === "all" ? " and raw.identities" : ""}\n`,
          );
        }
      }
    }
    const rate = (list: readonly Measured[]) => median(list.map((m) => m.eventsPerSecond));
    const cpu = (list: readonly Measured[]) =>
      median(list.map((m) => m.serverMicros + m.postgresMicros));
    const { bars } = shape;
    process.stdout.write(
      `  medians: ${(rate(results.weir) / rate(results.reference)).toFixed(2)} of the reference's events/s (target ${bars.rate}), ` +
        `${(cpu(results.weir) / cpu(results.reference)).toFixed(2)} x its CPU per event${bars.cpu === undefined ? "" : ` (target ${bars.cpu})`}` +
        `${copies.all.length === 0 ? "" : `, ${(rate(results.weir) / median(copies.all)).toFixed(2)} of COPY of the same rows (target 0.5), ${(rate(results.weir) / median(copies.events)).toFixed(2)} of COPY without identities`}\n`,
    );
  }
}

if (import.meta.main) await run();
