import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { childEnvironment, startProcesses } from "../compose/children.ts";
import type { Config } from "../config/schema.ts";
import { messageOf } from "../core/errors.ts";
import { createDataFolder } from "../process/data-folder.ts";
import { configuredUrls, type DatabaseUrls } from "../process/databases.ts";
import { type Installation, prepareInstallation } from "../process/installation.ts";
import { type KeptPostgres, keepPostgresRunning } from "../process/kept-postgres.ts";
import { keepRunFile } from "../process/kept-run-file.ts";
import { checkPortIsFree } from "../process/port.ts";
import { logLimits, openProcessLog, type ProcessLog } from "../process/process-log.ts";
import type { RunFile } from "../process/run-file.ts";
import { aborted, stopSignal } from "../process/signals.ts";
import { Supervisor } from "../process/supervisor.ts";
import { version } from "../process/version.ts";
import { untilThereIsSpace } from "../process/wait-for-space.ts";
import { contextOf, UserError } from "./context.ts";
import { allLogins, demandUrls } from "./database-urls.ts";
import { firstScreen } from "./first-screen.ts";
import { withHelp } from "./help.ts";
import { showLiveLine } from "./live-line.ts";
import { readNumber } from "./option-values.ts";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));

export function registerUp(program: Command): void {
  withHelp(
    program
      .command("up")
      .description("run the whole system on this machine, with its own PostgreSQL")
      .option("--port <number>", "port of the HTTP server; 0 picks a free port", readNumber)
      .option("--host <address>", "address to listen on (default: this machine only)")
      .option("--no-demo", "start without sample data and simulated traffic")
      .option("--rate <number>", "simulated events per second", readNumber),
    { examples: ["weir up", "weir up --data ./.weir --port 8080 --no-demo"] },
  ).action(async (flags: UpFlags, command: Command) => {
    const { config } = contextOf(command, {
      "http.port": { flag: "--port", value: flags.port },
      "http.host": { flag: "--host", value: flags.host },
      "demo.enabled": { flag: "--no-demo", value: flags.demo === false ? false : undefined },
      "demo.rate": { flag: "--rate", value: flags.rate },
    });
    await up(config);
  });
}

interface UpFlags {
  readonly port?: number;
  readonly host?: string;
  readonly demo: boolean;
  readonly rate?: number;
}

/** What `weir up` runs, as far as run.json and the first screen show it. */
interface System {
  readonly config: Config;
  readonly urls: DatabaseUrls;
  /** undefined with an external database. */
  readonly postgres: KeptPostgres | undefined;
  readonly installation: Installation;
  readonly supervisor: Supervisor;
}

async function up(config: Config): Promise<void> {
  const startedAt = Number(process.env["WEIR_LAUNCHED_AT"] ?? Date.now());
  const signal = stopSignal();
  await checkPlace(config);

  await using stack = new AsyncDisposableStack();
  const problems = new Map<string, string>();
  const logFolder = join(config.data_dir, "logs");
  const log = openProcessLog(logFolder, logLimits(config, logFolder));
  stack.defer(() => log.close());
  const cluster = join(config.data_dir, "postgres", "cluster", "data");
  const retrying = { signal, folders: [cluster, join(cluster, "pg_wal")], onWait: reportWaiting };
  // at the very first start a full disk is a mistake to report, not a state to wait out
  const { urls, postgres } = await (existsSync(join(cluster, "PG_VERSION"))
    ? untilThereIsSpace(() => openDatabase(config, { stack, problems, log }), retrying)
    : openDatabase(config, { stack, problems, log }));
  const installation = await untilThereIsSpace(() => prepareInstallation(config, urls), retrying);
  if (signal.aborted) return;

  let onChange = () => {};
  const supervisor = new Supervisor({
    main,
    log,
    environment: childEnvironment(config, urls, postgres?.dataFolder),
    onExit: (name, how) => problems.set(name, `${name} ended (${how}), restarting`),
    onReady: (name) => {
      problems.delete(name);
      onChange();
    },
  });
  stack.defer(() => supervisor.stop());
  const url = await Promise.race([startProcesses(supervisor, config), aborted(signal)]);
  if (url !== undefined && !signal.aborted) {
    const system = { config, urls, postgres, installation, supervisor };
    process.stdout.write(screenOf(system, { url, startedInMs: Date.now() - startedAt }));
    const runFile = stack.use(
      keepRunFile(
        config.data_dir,
        () => runFileOf(system, url),
        (problem) => setProblem(problems, "run.json", problem),
      ),
    );
    onChange = () => runFile.update();
    onChange();
    postgres?.onRestart(onChange);
    stack.use(
      showLiveLine(
        process.stdout,
        () => supervisor.counters,
        () => [...problems.values()],
      ),
    );
  }
  await aborted(signal);
  process.stdout.write("\n  Stopping; finishing accepted work.\n");
  await stack.disposeAsync();
  process.stdout.write("  Stopped.\n");
}

function reportWaiting(error: unknown): void {
  process.stderr.write(`weir: ${messageOf(error)}\n      waiting for disk space\n`);
}

/** Fails before PostgreSQL is started when the data folder or the port cannot be used. */
async function checkPlace({ data_dir: folder, http: { host, port } }: Config): Promise<void> {
  try {
    createDataFolder(folder);
  } catch (error) {
    throw new UserError(`the data folder ${folder} cannot be used: ${messageOf(error)}`, {
      hint: "choose another folder with --data",
    });
  }
  try {
    await checkPortIsFree({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") {
      throw new UserError(`cannot listen on ${host}:${port}: ${messageOf(error)}`);
    }
    throw new UserError(`port ${port} on ${host} is already in use`, {
      hint: "another Weir may be running; choose a port with --port, or --port 0 for a free one",
    });
  }
}

/** The configured database, or an embedded PostgreSQL that is restarted whenever it ends. */
async function openDatabase(
  config: Config,
  up: {
    readonly stack: AsyncDisposableStack;
    readonly problems: Map<string, string>;
    readonly log: ProcessLog;
  },
): Promise<{ readonly urls: DatabaseUrls; readonly postgres: KeptPostgres | undefined }> {
  const configured = configuredUrls(config);
  if (configured !== undefined)
    return { urls: demandUrls(configured, allLogins), postgres: undefined };
  const postgres = up.stack.use(
    await keepPostgresRunning({
      stateDir: config.data_dir,
      log: logLimits(config, join(config.data_dir, "postgres")),
      logger: up.log.logger,
      onProblem: (problem) => setProblem(up.problems, "postgres", problem),
    }),
  );
  return { urls: postgres.urls, postgres };
}

function setProblem(
  problems: Map<string, string>,
  name: string,
  problem: string | undefined,
): void {
  if (problem === undefined) problems.delete(name);
  else problems.set(name, problem);
}

function runFileOf({ urls, postgres, installation, supervisor }: System, url: string): RunFile {
  return {
    version,
    url,
    shop_url: null,
    pids: {
      supervisor: process.pid,
      ...supervisor.processIds,
      ...(postgres === undefined ? {} : { postgres: postgres.pid() }),
    },
    database_url: urls.owner,
    keys: {
      admin: existingFile(installation.adminKey.file),
      demo: installation.demoKey === undefined ? null : existingFile(installation.demoKey.file),
    },
  };
}

function existingFile(file: string): string | null {
  return existsSync(file) ? file : null;
}

function screenOf(
  { config, installation }: System,
  { url, startedInMs }: { readonly url: string; readonly startedInMs: number },
): string {
  const { postgresVersion: postgres, signInToken: token, adminKey, demoKey } = installation;
  return firstScreen(
    {
      version,
      postgres,
      dataDir: config.data_dir,
      url,
      signInUrl: token === undefined ? undefined : `${url}/signin/#token=${token}`,
      adminKey,
      demoKey: demoKey?.key,
      startedInMs,
    },
    process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined,
  );
}
