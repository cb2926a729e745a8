import type { Command } from "commander";
import { observeDroppedLines } from "../adapters/telemetry/dropped-lines.ts";
import { type LogOutput, openLogOutput } from "../adapters/telemetry/log-output.ts";
import { createLogger } from "../adapters/telemetry/logger.ts";
import { createMetrics } from "../adapters/telemetry/metrics.ts";
import { observeOutage } from "../adapters/telemetry/outage-metrics.ts";
import { quietDuring } from "../adapters/telemetry/quiet-logger.ts";
import type { ComposedProcess } from "../compose/options.ts";
import { loginsOf, partNames, processesOf, serverParts } from "../compose/processes.ts";
import type { Config } from "../config/schema.ts";
import { type WatchedConfig, watchConfig } from "../config/watch.ts";
import { messageOf } from "../core/errors.ts";
import { nearestName } from "../core/nearest-name.ts";
import type { Logger } from "../core/ports/logger.ts";
import {
  configuredUrls,
  type DatabaseUrls,
  untilDatabaseAnswers,
  watchForOutages,
} from "../process/databases.ts";
import { examinePreparation } from "../process/examine-preparation.ts";
import { logProcessFailures } from "../process/log-failures.ts";
import { runParts } from "../process/part-runner.ts";
import { findPortProblem } from "../process/place.ts";
import { readRunFile } from "../process/run-file.ts";
import { watchOwnEventLoop } from "../process/self-watch.ts";
import { connectServiceManager } from "../process/service-manager.ts";
import { aborted, stopRequests, unlessAborted } from "../process/signals.ts";
import { keepStateFile } from "../process/state-file.ts";
import {
  isSupervised,
  onDroppedLogLines,
  reportFinished,
  reportToSupervisor,
} from "../process/supervisor-channel.ts";
import { type CommandContext, contextOf, exitCodes, placeError, UserError } from "./context.ts";
import { demandUrls } from "./database-urls.ts";
import { withHelp } from "./help.ts";
import { readNumber } from "./option-values.ts";
import { outliveOutput } from "./output.ts";

const lastLinesMs = 500;

interface ServeFlags {
  readonly parts: string;
  readonly host?: string;
  readonly port?: number;
  readonly url?: string;
  readonly name?: string;
  readonly sharePort?: boolean;
}

export function registerServe(program: Command): void {
  const known = partNames.join(", ");
  withHelp(
    program
      .command("serve")
      .description("run the named parts in this process, with an external PostgreSQL")
      .option("--parts <names>", `comma-separated: ${known}`, serverParts.join(","))
      .option("--host <address>", "address to listen on")
      .option("--port <number>", "port to listen on; 0 picks a free port", readNumber)
      .option("--url <url>", "URL of the Weir that the part demo sends to")
      .option("--name <name>", "name in logs and metrics, if several processes run the same parts")
      .option("--share-port", "share the port with other processes that have this option"),
    {
      examples: [
        "WEIR_DATABASE_URL=postgres://… weir migrate",
        "WEIR_DATABASE_APP_URL=postgres://… WEIR_DATABASE_INGEST_URL=postgres://… weir serve --parts http",
      ],
      exitCodes: { [exitCodes.unprepared]: "the database is not prepared; run weir migrate" },
    },
  ).action(async (flags: ServeFlags, command: Command) => {
    const context = contextOf(command, {
      "http.port": { flag: "--port", value: flags.port },
      "http.host": { flag: "--host", value: flags.host },
    });
    await serve(readParts(flags.parts), context, flags);
  });
}

/** @throws UserError for a name that is not in the table of processes */
function readParts(text: string): ReadonlySet<string> {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !partNames.includes(name));
  if (unknown === undefined) return new Set(names);
  const near = nearestName(unknown, partNames);
  throw new UserError(`unknown part "${unknown}"`, {
    exitCode: exitCodes.usage,
    hint: `${near === undefined ? "" : `did you mean ${near}? `}known parts: ${partNames.join(", ")}`,
  });
}

async function serve(
  names: ReadonlySet<string>,
  context: CommandContext,
  flags: ServeFlags,
): Promise<void> {
  const requests = stopRequests();
  const signal = requests.stop;
  requests.force.addEventListener("abort", () => process.exit(requests.exitCode()));
  outliveOutput();
  const initial = context.config;
  const entries = processesOf(names);
  const sharesPort = flags.sharePort === true;
  const listens = entries.some((entry) => entry.listens);
  const problem = listens && !sharesPort ? await findPortProblem(initial) : undefined;
  if (problem !== undefined) throw placeError(context, problem);
  const logins = loginsOf(names);
  const urls = demandUrls(configuredUrls(initial), logins);
  const label = flags.name ?? [...names].join("+");
  const metrics = createMetrics(label);
  const dropped = observeDroppedLines(metrics);
  const output = openLogOutput({ part: label }, dropped.fromOutput);
  onDroppedLogLines(dropped.fromFile);
  const root = createLogger(initial.log.level, { part: label }, output);
  logProcessFailures({ logger: root, writeLast: output.writeLast });

  const used = logins.map((login) => [login, urls[login]]);
  const stoppable = <T>(work: Promise<T>) =>
    unlessAborted(work, signal).catch((error: unknown) => {
      // nothing was accepted yet, and a database that does not answer would hold up the end
      if (signal.aborted) process.exit(requests.exitCode());
      throw error;
    });
  await stoppable(demandPrepared(initial, { urls: Object.fromEntries(used), logger: root }));

  await using stack = new AsyncDisposableStack();
  // last, after everything that may log
  stack.defer(() => endOutput(output));
  const outage = watchForOutages(stack, { url: urls.app, logger: root });
  observeOutage(metrics, outage);
  const logger = quietDuring(outage, root);
  const config = watchConfig(initial, (sentence) => logger.warn({}, sentence), context.home);
  stack.defer(() => config.close());
  config.onChange((now) => {
    root.level = now.log.level;
    logger.info({}, "settings changed");
  });

  const manager = connectServiceManager(process.env, (reason) =>
    logger.warn({ reason }, "the service manager cannot be notified"),
  );
  if (!isSupervised()) stack.use(watchOwnEventLoop(initial.supervisor.heartbeat_timeout_ms));

  let url: string | undefined;
  const serverUrl = () => flags.url ?? url ?? runningUrl(config);
  const start = async () => {
    const composed: ComposedProcess[] = [];
    for (const entry of entries) {
      const compose = await entry.load();
      const options = {
        config: config.current,
        urls,
        stack,
        logger,
        metrics,
        outage,
        serverUrl,
        sharesPort,
      };
      composed.push(await compose(options, names));
    }
    for (const { listen } of composed) url = (await listen?.()) ?? url;
    return composed;
  };
  const composed = await stoppable(start());

  const running = new AbortController();
  const parts = composed.flatMap((one) => one.parts);
  const ended = runParts(parts, running.signal, logger);
  logger.info({ listen: url ?? null, parts: [...names] }, "ready");
  stack.use(reportToSupervisor(url, () => composed.map(({ counters }) => counters())));
  manager.ready();
  const state = keepState(initial, { parts: [...names], url: url ?? null }, logger);
  if (state !== undefined) stack.use(state);

  const finished = composed.flatMap((one) => (one.finished === undefined ? [] : [one.finished]));
  // a process with other parts has work left
  const isAlone = finished.length === composed.length;
  await Promise.race([aborted(signal), ...(isAlone ? [Promise.all(finished)] : [])]);
  if (!signal.aborted) reportFinished();
  manager.stopping();
  state?.stopping();
  const reason = signal.aborted ? String(signal.reason?.message ?? "stop requested") : "finished";
  logger.info({ reason }, "stopping");
  // Refuse new work and answer what was accepted; then end the loops, and with them the live feeds,
  // which would keep the server open; then close it.
  for (const { drain } of composed) await drain?.();
  running.abort();
  await ended;
  for (const { close } of composed) await close?.();
}

function keepState(
  { supervisor: { state_path: path } }: Config,
  about: Parameters<typeof keepStateFile>[1],
  logger: Logger,
) {
  // below a supervisor, the supervisor knows
  if (path === null || isSupervised()) return undefined;
  return keepStateFile(path, about, (error) =>
    logger.warn({ path, reason: messageOf(error) }, "the state file cannot be written"),
  );
}

/** A reader that does not read must not keep the process alive. */
async function endOutput(output: LogOutput): Promise<void> {
  if (!(await output.end(lastLinesMs))) process.exit(process.exitCode ?? exitCodes.ok);
}

/**
 * Waits for a database that is down, and refuses one that lacks something: parts that fail one by one,
 * minutes later, would hide the one command that helps.
 * @throws UserError that lists what is missing
 */
async function demandPrepared(
  config: Config,
  { urls, logger }: { readonly urls: Partial<DatabaseUrls>; readonly logger: Logger },
): Promise<void> {
  const findings = await untilDatabaseAnswers(logger, () => examinePreparation(config, urls));
  const problems = findings.filter(({ ok }) => !ok);
  if (problems.length === 0) return;
  const lines = problems.map(({ check, detail }) => `${check}: ${detail}`);
  const fixes = new Set(problems.flatMap(({ fix }) => (fix === undefined ? [] : [`-> ${fix}`])));
  throw new UserError("the database is not ready for this Weir", {
    exitCode: exitCodes.unprepared,
    hint: [...lines, ...fixes].join("\n      "),
  });
}

function runningUrl(config: WatchedConfig): string | undefined {
  return process.env["WEIR_URL"] ?? readRunFile(config.current().data_dir)?.url;
}
