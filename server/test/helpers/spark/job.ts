/** The Spark job as a process of its own, with its JVM: started, stopped and killed by tests. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, writeFileSync } from "node:fs";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type CleanUp, createTestFolder, type TestDatabase } from "../../../../testing/database.ts";
import { sparkInstall, sparkTools } from "../../../../testing/servers/install/spark.ts";
import { withRole } from "../../../src/adapters/postgres/location.ts";

export interface SparkJobOptions {
  readonly database: TestDatabase;
  readonly brokers: readonly string[];
  /** Sections of the job's configuration, on top of the defaults. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface SparkJob {
  readonly checkpoint: string;
  /** Starts it, again with the same checkpoint; resolves when its queries run. @param sources see `jobWith` */
  start(sources?: string): Promise<RunningJob>;
  /** Starts a job that executes a rerun of windows and ends. */
  rerun(id: string): RerunProcess;
}

export interface RerunProcess {
  /** The exit code; 137 after a kill. */
  readonly exited: Promise<number>;
  /** SIGKILL to the driver, its JVM and its tasks; resolves when they are dead. */
  kill9(): Promise<void>;
  log(): Promise<string>;
}

export interface RunningJob {
  readonly pid: number;
  readonly epoch: number;
  /** Undefined while it runs. */
  readonly exitCode: number | undefined;
  readonly exited: Promise<number>;
  /** SIGKILL to the driver, its JVM and its tasks; resolves when they are dead. */
  kill9(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>;
  metrics(): Promise<string>;
  log(): Promise<string>;
}

const jobSources = join(import.meta.dirname, "../../../../jobs/spark/src");

/** A copy of the job with a change in it, for tests that need a moment to last, and for controls. */
export async function jobWith(
  t: CleanUp,
  change: { readonly in: string; readonly from: string; readonly to: string },
): Promise<string> {
  const folder = await createTestFolder(t);
  await cp(jobSources, folder, { recursive: true });
  const file = join(folder, "weir_spark", change.in);
  const source = await readFile(file, "utf8");
  assert.equal(source.split(change.from).length, 2, `${change.in} holds ${change.from} once`);
  await writeFile(
    file,
    source.replace(change.from, () => change.to),
  );
  return folder;
}

export async function createSparkJob(t: CleanUp, options: SparkJobOptions): Promise<SparkJob> {
  const folder = await createTestFolder(t);
  const file = join(folder, "job.json");
  const logFile = join(folder, "job.log");
  const checkpoint = join(folder, "checkpoint");
  const installed = sparkInstall.find();
  if (installed === undefined) throw new Error("npm run services -- install spark");
  const { python, jars } = sparkTools(installed);
  const basic = {
    name: "test",
    checkpoint,
    kafka: { brokers: options.brokers, max_events_per_batch: 20_000 },
    spark: {
      master: "local[2]",
      jars: jars.split(","),
      ui_port: 0,
      conf: {
        "spark.ui.enabled": "false",
        "spark.driver.memory": "768m",
        "spark.local.dir": folder,
        "spark.driver.extraJavaOptions": `-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.io.tmpdir=${folder}`,
      },
    },
    trigger: { processing_time_ms: 100 },
    stop_timeout_s: 60,
  };
  return {
    checkpoint,
    async start(sources = jobSources) {
      await writeFile(file, JSON.stringify({ ...basic, ...options.config }));
      return startJob(t, { python, file, logFile, sources, database: options.database });
    },
    rerun(id) {
      writeFileSync(file, JSON.stringify({ ...basic, ...options.config }));
      const start = { python, file, logFile, sources: jobSources, database: options.database };
      const { exited, kill9 } = spawnJob(t, start, ["--rerun", id]);
      return { exited, kill9, log: () => readFile(logFile, "utf8") };
    },
  };
}

interface Start {
  readonly python: string;
  readonly file: string;
  readonly logFile: string;
  readonly sources: string;
  readonly database: TestDatabase;
}

function spawnJob(
  t: CleanUp,
  { python, file, logFile, sources, database }: Start,
  words: readonly string[] = [],
) {
  const child = spawn(python, ["-m", "weir_spark", "--config", file, ...words], {
    // a group of its own: the JVM and the tasks end with the driver
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PYTHONPATH: sources,
      PYSPARK_PYTHON: python,
      WEIR_SPARK_DATABASE_URL: withRole(database.urls.owner, "weir_spark"),
    },
  });
  const log = createWriteStream(logFile, { flags: "a" });
  child.stderr.pipe(log);
  const exited = once(child, "exit").then(([code]) => (code as number | null) ?? 137);
  const kill9 = async () => {
    signalGroup(child, "SIGKILL");
    await exited;
  };
  t.after(kill9);
  return { child, exited, kill9 };
}

async function startJob(t: CleanUp, start: Start): Promise<RunningJob> {
  const { logFile } = start;
  const { child, exited, kill9 } = spawnJob(t, start);
  const ready = await Promise.race([
    readReady(child),
    exited.then(async (code) => {
      throw new Error(
        `The job ended with ${code}:\n${(await readFile(logFile, "utf8")).slice(-4_000)}`,
      );
    }),
  ]);
  return {
    pid: child.pid as number,
    epoch: ready.epoch,
    get exitCode() {
      return child.exitCode ?? undefined;
    },
    exited,
    kill9,
    async stop() {
      child.kill("SIGTERM");
      return exited;
    },
    async metrics() {
      const answer = await fetch(`http://127.0.0.1:${ready.metrics_port}/metrics`);
      return answer.text();
    },
    log: () => readFile(logFile, "utf8"),
  };
}

interface Ready {
  readonly metrics_port: number;
  readonly epoch: number;
}

async function readReady(child: ChildProcess): Promise<Ready> {
  if (child.stdout === null) throw new Error("its output is not piped");
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("{")) {
      child.stdout.resume();
      return JSON.parse(line) as Ready;
    }
  }
  return new Promise(() => {});
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
