/** An installation as the production guide sets it up: logins with passwords, `weir migrate`, `weir serve`. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createTestFolder } from "../../../testing/database.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import type { ExternalPostgres } from "./external-postgres.ts";

type CleanUp = Parameters<typeof createTestFolder>[0];

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface Installation {
  readonly database: string;
  readonly env: Readonly<Record<string, string>>;
  /** Runs a command to its end, or until `cut` says so after a piece of its progress; then SIGKILL. */
  weir(parameters: readonly string[], options?: RunOptions): Promise<Ended>;
  /** Runs statements as the server's superuser in this database. */
  break(...statements: readonly string[]): Promise<void>;
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cut?: (stderr: string) => boolean;
  /** Of another build. */
  readonly main?: string;
  /** Ends the command with SIGTERM when its standard output contains this text. */
  readonly until?: string;
}

/** The owner and its database, as an administrator without superuser creates them. */
export async function createOwner(postgres: ExternalPostgres, database: string): Promise<void> {
  await using admin = openPool({ url: postgres.adminUrl, applicationName: "test dba", max: 1 });
  const [known] = await admin.query<{ known: boolean }>({
    text: "select exists (select from pg_roles where rolname = 'weir_owner') as known",
  });
  if (known?.known !== true) {
    await admin.query({ text: "create role weir_owner login createrole password 'owner & co'" });
    await admin.query({ text: "grant weir_owner to current_user with set true" });
  }
  await admin.query({ text: `create database ${database} owner weir_owner` });
}

export async function installationOf(
  t: CleanUp,
  postgres: ExternalPostgres,
  database: string,
): Promise<Installation> {
  const dataDir = await createTestFolder(t);
  const env = {
    PATH: process.env["PATH"] ?? "",
    // shared by all starts of a run of the tests
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? "",
    WEIR_ENV: "production",
    WEIR_DATA_DIR: dataDir,
    WEIR_DATABASE_URL: postgres.url("weir_owner", "owner & co", database),
    WEIR_DATABASE_APP_URL: postgres.url("weir_app", "app % it", database),
    WEIR_DATABASE_INGEST_URL: postgres.url("weir_ingest", "in@gest", database),
  };
  return {
    database,
    env,
    weir: (parameters, options = {}) => runWeir(parameters, { ...options, base: env, dataDir }),
    async break(...statements) {
      await using superuser = openPool({
        url: postgres.superuserUrl(database),
        applicationName: "test break",
        max: 1,
      });
      for (const text of statements) await superuser.query({ text });
    },
  };
}

function runWeir(
  parameters: readonly string[],
  options: RunOptions & {
    readonly base: Readonly<Record<string, string>>;
    readonly dataDir: string;
  },
): Promise<Ended> {
  const began = performance.now();
  const child: ChildProcess = spawn(process.execPath, [options.main ?? main, ...parameters], {
    cwd: options.dataDir,
    env: { ...options.base, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk;
    // once: a second request to stop means at once
    const isDone = options.until !== undefined && stdout.includes(options.until);
    if (isDone && !child.killed) child.kill("SIGTERM");
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk;
    if (options.cut?.(stderr) === true) child.kill("SIGKILL");
  });
  return new Promise((resolve) => {
    child.once("close", (code) => resolve({ code, stdout, stderr, ms: performance.now() - began }));
  });
}
