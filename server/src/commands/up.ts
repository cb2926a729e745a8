import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { childEnvironment, startProcesses } from "../compose/children.ts";
import { connectionsNeeded } from "../compose/processes.ts";
import { expectShop } from "../compose/shop.ts";
import type { Config } from "../config/schema.ts";
import { messageOf } from "../core/errors.ts";
import { writeFormat } from "../process/data-format.ts";
import { configuredUrls, type DatabaseUrls } from "../process/databases.ts";
import { type Installation, prepareInstallation } from "../process/installation.ts";
import {
  type KeepOptions,
  type KeptPostgres,
  keepPostgresRunning,
} from "../process/kept-postgres.ts";
import { keepRunFile } from "../process/kept-run-file.ts";
import { endLeftovers } from "../process/leftovers.ts";
import { findFolderProblem, findPortProblem, findShopPortProblem } from "../process/place.ts";
import { logLimits, openProcessLog, type ProcessLog } from "../process/process-log.ts";
import { ProcessStates } from "../process/process-states.ts";
import type { RunFile } from "../process/run-file.ts";
import { shopUrl, withShopPorts } from "../process/shop/addresses.ts";
import { prepareShop } from "../process/shop/prepare.ts";
import { hasShop, runsShop, shopUnavailable, wantsShop } from "../process/shop/services.ts";
import { aborted, type StopRequests, stopRequests, unlessAborted } from "../process/signals.ts";
import { Supervisor } from "../process/supervisor.ts";
import { version } from "../process/version.ts";
import { untilThereIsSpace } from "../process/wait-for-space.ts";
import { type CommandContext, contextOf, placeError } from "./context.ts";
import { allLogins, demandUrls } from "./database-urls.ts";
import { type FirstScreen, firstScreen } from "./first-screen.ts";
import { withHelp } from "./help.ts";
import { showLiveLine } from "./live-line.ts";
import { readNumber } from "./option-values.ts";
import { outliveOutput } from "./output.ts";
import { Stopped } from "./stopped.ts";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));

export function registerUp(program: Command): void {
  withHelp(
    program
      .command("up")
      .description("run the whole system on this machine, with its own PostgreSQL")
      .option("--port <number>", "port of the HTTP server; 0 picks a free port", readNumber)
      .option("--host <address>", "address to listen on (default: this machine only)")
      .option("--no-demo", "start without sample data and simulated traffic")
      .option("--rate <number>", "simulated events per second", readNumber)
      .option("--shop", "run the shop too, whose services and visitors send their events to Weir")
      .option("--no-shop", "start without the shop")
      .option("--shop-port <number>", "port of the shop's pages; 0 picks a free port", readNumber),
    { examples: ["weir up", "weir up --shop", "weir up --data ./.weir --port 8080 --no-demo"] },
  ).action(async (flags: UpFlags, command: Command) => {
    const context = upContext(command, flags, flags.shop);
    await up(wantsShop(context, process.env) ? upContext(command, flags, true) : context);
  });
}

function upContext(command: Command, flags: UpFlags, shop: boolean | undefined): CommandContext {
  return contextOf(command, {
    "http.port": { flag: "--port", value: flags.port },
    "http.host": { flag: "--host", value: flags.host },
    "demo.enabled": { flag: "--no-demo", value: flags.demo === false ? false : undefined },
    "demo.rate": { flag: "--rate", value: flags.rate },
    "shop.enabled": { flag: shop === false ? "--no-shop" : "--shop", value: shop },
    "shop.port": { flag: "--shop-port", value: flags.shopPort },
  });
}

interface UpFlags {
  readonly port?: number;
  readonly host?: string;
  readonly demo: boolean;
  readonly rate?: number;
  readonly shop?: boolean;
  readonly shopPort?: number;
}

/** What `weir up` runs, as far as run.json and the first screen show it. */
interface System {
  readonly config: Config;
  readonly urls: DatabaseUrls;
  /** undefined with an external database. */
  readonly postgres: KeptPostgres | undefined;
  readonly installation: Installation;
  readonly supervisor: Supervisor;
  /** All services of the shop were ready when the first screen was printed. */
  readonly isShopReady: boolean;
}

async function up(context: CommandContext): Promise<void> {
  const requests = stopRequests();
  outliveOutput();
  await checkPlace(context);
  const progress = { isReady: false };
  try {
    await run(context, requests, progress);
  } catch (error) {
    if (!requests.stop.aborted || progress.isReady) throw error;
  }
  if (!progress.isReady || requests.force.aborted) throw new Stopped(requests.exitCode());
  process.stdout.write("  Stopped.\n");
}

/** Until a request to stop, and until everything has ended after it. */
async function run(
  context: CommandContext,
  { stop, force }: StopRequests,
  progress: { isReady: boolean },
): Promise<void> {
  const startedAt = Number(process.env["WEIR_LAUNCHED_AT"] ?? Date.now());
  const config = await withShopPorts(context.config, context.originOf("shop.port") === undefined);
  await using stack = new AsyncDisposableStack();
  const states = new ProcessStates();
  const logFolder = join(config.data_dir, "logs");
  const log = openProcessLog(logFolder, logLimits(config, logFolder));
  stack.defer(() => log.close());
  const cluster = join(config.data_dir, "postgres", "cluster", "data");
  const folders = [cluster, join(cluster, "pg_wal")];
  const retrying = { signal: stop, folders, onWait: reportWaiting };
  const open = () => openDatabase(context, { stack, states, log, signal: stop });
  // at the very first start a full disk is a mistake to report, not a state to wait out
  const { urls, postgres } = await (existsSync(join(cluster, "PG_VERSION"))
    ? untilThereIsSpace(open, retrying)
    : open());
  const preparing = untilThereIsSpace(() => prepareInstallation(config, urls), retrying);
  const installation = await unlessAborted(preparing, stop);
  writeFormat(config.data_dir);
  if (runsShop(config)) {
    const isEmbedded = postgres !== undefined;
    await unlessAborted(prepareShop({ config, urls, isEmbedded }), stop);
  }

  let onChange = () => {};
  const shop = expectShop(config);
  const supervisor = new Supervisor({
    main,
    log,
    environment: childEnvironment(config, urls, postgres?.dataFolder),
    heartbeatTimeoutMs: config.supervisor.heartbeat_timeout_ms,
    states,
    onReady: (name) => {
      shop.ready(name);
      onChange();
    },
    onFinished: () => onChange(),
  });
  force.addEventListener("abort", () => {
    supervisor.kill();
    void postgres?.stopNow();
  });
  stack.defer(() => supervisor.stop());
  const url = await unlessAborted(startProcesses(supervisor, config), stop);
  const isShopReady = runsShop(config)
    ? await unlessAborted(shop.start(supervisor, { ownerUrl: urls.owner, weirUrl: url }), stop)
    : false;
  progress.isReady = true;
  const system = { config, urls, postgres, installation, supervisor, isShopReady };
  process.stdout.write(screenOf(system, { url, startedInMs: Date.now() - startedAt }));
  let fileProblem: string | undefined;
  const runFile = stack.use(
    keepRunFile(
      config.data_dir,
      () => runFileOf(system, url),
      (problem) => {
        fileProblem = problem;
      },
    ),
  );
  onChange = () => runFile.update();
  onChange();
  postgres?.onRestart(onChange);
  stack.use(
    showLiveLine(
      process.stdout,
      () => supervisor.counters,
      () => [...states.problems, ...(fileProblem === undefined ? [] : [fileProblem])],
    ),
  );
  await aborted(stop);
  process.stdout.write("\n  Stopping; finishing accepted work.\n");
}

function reportWaiting(error: unknown): void {
  process.stderr.write(`weir: ${messageOf(error)}\n      waiting for disk space\n`);
}

/** Fails before PostgreSQL is started when the data folder or the port cannot be used. */
async function checkPlace(context: CommandContext): Promise<void> {
  const { config, originOf } = context;
  const folder = findFolderProblem(config.data_dir);
  if (folder !== undefined) throw placeError(context, folder);
  // a frozen process of a killed Weir would keep the port
  endLeftovers(config.data_dir);
  const port = await findPortProblem(config);
  if (port !== undefined) throw placeError(context, port);
  const isChosen = originOf("shop.port") !== undefined;
  const shopPort = runsShop(config) ? await findShopPortProblem(config, isChosen) : undefined;
  if (shopPort !== undefined) throw placeError(context, shopPort);
}

/** The configured database, or an embedded PostgreSQL that is restarted whenever it ends. */
async function openDatabase(
  context: CommandContext,
  up: {
    readonly stack: AsyncDisposableStack;
    readonly log: ProcessLog;
  } & Pick<KeepOptions, "states" | "signal">,
): Promise<{ readonly urls: DatabaseUrls; readonly postgres: KeptPostgres | undefined }> {
  const { config } = context;
  const configured = configuredUrls(config);
  if (configured !== undefined)
    return { urls: demandUrls(configured, allLogins), postgres: undefined };
  const stateDir = config.data_dir;
  const hangTimeoutMs = config.supervisor.postgres_hang_timeout_ms;
  try {
    const postgres = up.stack.use(
      await keepPostgresRunning({
        stateDir,
        hangTimeoutMs,
        maxConnections: connectionsNeeded(config),
        states: up.states,
        signal: up.signal,
        log: logLimits(config, join(stateDir, "postgres")),
        logger: up.log.logger,
      }),
    );
    return { urls: postgres.urls, postgres };
  } catch (error) {
    if (up.signal.aborted) throw error;
    throw placeError(context, {
      setting: "data_dir",
      problem: `PostgreSQL cannot run on the data folder ${stateDir}: ${messageOf(error)}`,
      hint: "choose another folder with --data",
    });
  }
}

function runFileOf(system: System, url: string): RunFile {
  const { config, urls, postgres, installation, supervisor } = system;
  return {
    version,
    url,
    shop_url: runsShop(config) ? shopUrl(config) : null,
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
  { config, installation, isShopReady }: System,
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
      shop: shopOnScreen(config, isShopReady),
      startedInMs,
    },
    process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined,
  );
}

/** The row of the first screen; undefined when the shop is not enabled. */
function shopOnScreen(config: Config, isReady: boolean): FirstScreen["shop"] {
  if (!config.shop.enabled) return undefined;
  if (!hasShop()) return { problem: shopUnavailable };
  const log = join(config.data_dir, "logs", "weir.log");
  return isReady
    ? { url: shopUrl(config) }
    : { url: shopUrl(config), problem: `not ready yet; if it stays so, see ${log}` };
}
