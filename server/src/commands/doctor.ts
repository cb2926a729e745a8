import { accessSync, constants, existsSync, mkdirSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { freemem } from "node:os";
import type { Command } from "commander";
import { readSqlFiles } from "../adapters/postgres/migrate.ts";
import { openPool } from "../adapters/postgres/pool.ts";
import type { Config } from "../config/schema.ts";
import { readPolicies } from "../parts/auth/policies.ts";
import { configuredUrls } from "../process/databases.ts";
import { policiesFolder } from "../process/paths.ts";
import { readRunFile } from "../process/run-file.ts";
import { contextOf, exitCodes } from "./context.ts";

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What a person does about it. */
  readonly mend?: string;
}

const GiB = 1024 ** 3;

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("look at this machine and installation for what will make trouble")
    .addHelpText("after", "\nExample:\n  $ weir doctor")
    .action(async (_options, command: Command) => {
      const { config, show } = contextOf(command);
      const findings = await examine(config);
      show(findings, (rows) =>
        rows
          .map(({ check, ok, detail, mend }) => {
            const line = `${ok ? "ok  " : "BAD "} ${check.padEnd(12)} ${detail}`;
            return mend === undefined || ok ? line : `${line}\n     ${" ".repeat(12)} -> ${mend}`;
          })
          .join("\n"),
      );
      if (findings.some(({ ok }) => !ok)) process.exitCode = exitCodes.failed;
    });
}

async function examine(config: Config): Promise<Finding[]> {
  const running = readRunFile(config.data_dir);
  return [
    nodeVersion(),
    dataFolder(config.data_dir),
    disk(config.data_dir),
    memory(),
    await policies(),
    running === undefined
      ? await port(config)
      : { check: "port", ok: true, detail: `Weir runs at ${running.url}` },
    ...(await database(configuredUrls(config)?.owner ?? running?.database_url)),
  ];
}

function nodeVersion(): Finding {
  const [major = 0] = process.versions.node.split(".").map(Number);
  return {
    check: "node",
    ok: major >= 24,
    detail: `Node.js ${process.versions.node}`,
    mend: "run commands as `npm run weir -- …`, which brings Node.js 24 along",
  };
}

function dataFolder(folder: string): Finding {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.R_OK | constants.W_OK);
    return { check: "data", ok: true, detail: `${folder} can be written` };
  } catch (error) {
    return {
      check: "data",
      ok: false,
      detail: error instanceof Error ? error.message : String(error),
      mend: "choose another folder with --data, or mend its owner",
    };
  }
}

function disk(folder: string): Finding {
  const { bavail, bsize } = statfsSync(existsSync(folder) ? folder : ".");
  const free = (bavail * bsize) / GiB;
  return {
    check: "disk",
    ok: free > 2,
    detail: `${free.toFixed(1)} GiB free; ten million events take about 6 GiB`,
    mend: "free some space, or lower retention.raw_days",
  };
}

function memory(): Finding {
  const free = freemem() / GiB;
  return {
    check: "memory",
    ok: free > 0.5,
    detail: `${free.toFixed(1)} GiB free; Weir wants one`,
    mend: "stop something else, or give the machine more",
  };
}

async function policies(): Promise<Finding> {
  try {
    const roles = await readPolicies(policiesFolder);
    return {
      check: "policies",
      ok: true,
      detail: `roles ${roles.map(({ name }) => name).join(", ")}`,
    };
  } catch (error) {
    return {
      check: "policies",
      ok: false,
      detail: error instanceof Error ? error.message : String(error),
      mend: "mend the file that is named",
    };
  }
}

function port({ http: { host, port: number } }: Config): Promise<Finding> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      resolve({
        check: "port",
        ok: false,
        detail: `${host}:${number}: ${error.code}`,
        mend: "choose another with --port",
      }),
    );
    server.listen(number, host, () =>
      server.close(() => resolve({ check: "port", ok: true, detail: `${host}:${number} is free` })),
    );
  });
}

async function database(url: string | undefined): Promise<Finding[]> {
  if (url === undefined) {
    return [{ check: "database", ok: true, detail: "none runs; `weir up` starts its own" }];
  }
  await using pool = openPool({ url, applicationName: "weir doctor", max: 1 });
  try {
    const [row] = await pool.query<Settings>({ text: settingsSql });
    if (row === undefined) throw new Error("no answer");
    const { migrations, functions } = await readSqlFiles();
    const applied = row.has_functions
      ? await pool.query<AppliedFunction>({ text: appliedSql })
      : [];
    const current = new Map(applied.map(({ name, checksum }) => [name, checksum]));
    const alike = functions.filter(({ name, checksum }) => current.get(name) === checksum).length;
    const durable =
      row.fsync === "on" && row.synchronous_commit === "on" && row.full_page_writes === "on";
    return [
      {
        check: "database",
        ok: row.number >= 180_000,
        detail: `PostgreSQL ${row.version}`,
        mend: "Weir needs PostgreSQL 18",
      },
      {
        check: "durability",
        ok: durable,
        detail: durable
          ? "a commit is on disk when it is answered"
          : "fsync, synchronous_commit or full_page_writes is off",
        mend: "switch all three on: without them a 202 may be lost",
      },
      {
        check: "migrations",
        ok: Number(row.applied) === migrations.length,
        detail: `${row.applied} of ${migrations.length} applied`,
        mend: "weir migrate",
      },
      {
        check: "functions",
        ok: alike === functions.length,
        detail: `${alike} of ${functions.length} are those of this version`,
        mend: "weir migrate",
      },
      {
        check: "clock",
        ok: Math.abs(row.clock_ms - Date.now()) < 2_000,
        detail: `${Math.round(row.clock_ms - Date.now())} ms between here and the database`,
        mend: "synchronise the clocks: received_at and rate limits go by them",
      },
    ];
  } catch (error) {
    return [
      {
        check: "database",
        ok: false,
        detail: error instanceof Error ? error.message : String(error),
        mend: "start it, or mend WEIR_DATABASE_URL",
      },
    ];
  }
}

interface Settings {
  readonly version: string;
  readonly number: number;
  readonly fsync: string;
  readonly synchronous_commit: string;
  readonly full_page_writes: string;
  readonly applied: string;
  /** False in a database that an older version has left. */
  readonly has_functions: boolean;
  readonly clock_ms: number;
}

const settingsSql = `
  select current_setting('server_version') as version,
    current_setting('server_version_num')::int as number,
    current_setting('fsync') as fsync,
    current_setting('synchronous_commit') as synchronous_commit,
    current_setting('full_page_writes') as full_page_writes,
    (select count(*) from public.weir_migrations) as applied,
    to_regclass('public.weir_functions') is not null as has_functions,
    (extract(epoch from clock_timestamp()) * 1000)::float8 as clock_ms`;

interface AppliedFunction {
  readonly name: string;
  readonly checksum: string;
}

const appliedSql = "select name, checksum from public.weir_functions";
