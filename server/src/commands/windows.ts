import type { Granularity } from "@weir/protocol";
import { type Command, Option } from "commander";
import type { Queryable } from "../core/ports/database.ts";
import { type EngineName, engines } from "../parts/engine/engine.ts";
import { type RerunState, readRerun, requestRerun } from "../parts/etl/reruns.ts";
import { QueryRunner } from "../parts/query/query-runner.ts";
import { readWindows } from "../parts/query/questions/windows.ts";
import { poll } from "../timing/poll.ts";
import { exitCodes, pollIntervalMs, table, UserError } from "./context.ts";
import { type DatabaseContext, withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";
import { readCount, readInstant } from "./option-values.ts";
import { actor, rerunBySpark } from "./windows-spark.ts";

const sizes: readonly string[] = ["minute", "hour", "day"];
const listTimeoutMs = 30_000;

export function registerWindows(program: Command): void {
  const windows = withHelp(
    program.command("windows").description("list windows and recompute them from raw events"),
    { examples: ["weir windows list", "weir windows rerun hour 2026-11-20T14:00:00Z"] },
  );

  withHelp(
    windows
      .command("list")
      .description("list the newest windows with their state and last recomputation")
      .option("--size <size>", `one of ${sizes.join(", ")}`, "hour")
      .option("--limit <number>", "maximum number of windows", readCount, 24),
    { examples: ["weir windows list --size day"] },
  ).action((flags: { size: string; limit: number }, command: Command) =>
    withDatabase(command, (context) => list(context, flags)),
  );

  withHelp(
    windows
      .command("rerun <size> <start>")
      .description("recompute a window from its raw events; correct numbers do not change")
      .addOption(
        new Option("--engine <engine>", "which engine recomputes it")
          .choices(engines)
          .default("builtin"),
      )
      .option("--until <start>", "with --engine spark: all windows before this one")
      .option("--no-wait", "queue it and return at once"),
    {
      examples: [
        "weir windows rerun hour 2026-11-20T14:00:00Z",
        "weir windows rerun day 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z --engine spark",
      ],
      notes:
        "Spark recomputes days side by side. Its rerun continues where it was after a restart, and the same command attaches to it.",
    },
  ).action((...[size, start, flags, command]: [string, string, RerunFlags, Command]) =>
    withDatabase(command, (context) => rerun(context, { ...flags, size: readSize(size), start })),
  );
}

interface RerunFlags {
  readonly engine: EngineName;
  readonly until?: string;
  readonly wait: boolean;
}

async function rerun(
  context: DatabaseContext,
  asked: RerunFlags & { readonly size: Granularity; readonly start: string },
): Promise<void> {
  const { size, engine, until, wait } = asked;
  const start = readInstant(asked.start);
  if (engine === "spark") return rerunBySpark(context, { size, start, until, wait });
  if (until !== undefined) {
    throw new UserError("--until needs --engine spark", { exitCode: exitCodes.usage });
  }
  const { database, show } = context;
  const { runId } = await requestRerun(database, { size, start, requestedBy: actor() });
  if (!wait) {
    show({ run_id: runId }, () => `Queued as run ${runId}.`);
    return;
  }
  const ended = await waitForRun(database, runId);
  show(ended, runText);
  if (ended.state === "failed") process.exitCode = exitCodes.failed;
}

async function list(
  { database, config, show }: DatabaseContext,
  { size, limit }: { readonly size: string; readonly limit: number },
): Promise<void> {
  const runner = new QueryRunner(database, {
    timeoutMs: config.query.timeout_ms,
    freeFormTimeoutMs: config.query.free_form_timeout_ms,
    concurrency: 1,
    clock: () => performance.now(),
  });
  const page = await readWindows(
    runner,
    {
      size: readSize(size),
      limit,
      state: undefined,
      fromMs: undefined,
      toMs: undefined,
      cursor: undefined,
    },
    AbortSignal.timeout(listTimeoutMs),
  );
  show(page, ({ windows: rows }) =>
    table(
      ["start", "state", "events", "users", "sessions", "updated", "last run"],
      rows.map((row) => [
        row.start,
        row.state,
        row.events,
        row.users,
        row.sessions,
        row.updated_at,
        row.last_run === null ? null : `${row.last_run.state} ${row.last_run.at}`,
      ]),
    ),
  );
}

function waitForRun(database: Queryable, id: string): Promise<RerunState> {
  return poll(
    async () => {
      const run = await readRerun(database, id);
      if (run === undefined) throw new UserError(`run ${id} no longer exists`);
      return run.state === "done" || run.state === "failed" ? run : undefined;
    },
    { everyMs: pollIntervalMs },
  );
}

function runText({ state, error, duration_ms, rows, changed }: RerunState): string {
  if (state === "failed") return `Failed: ${error}`;
  const outcome = changed ? "the numbers changed" : "the numbers did not change";
  return `Done in ${duration_ms} ms over ${rows ?? 0} raw events: ${outcome}.`;
}

function readSize(text: string): Granularity {
  if (sizes.includes(text)) return text as Granularity;
  throw new UserError(`"${text}" is not a window size`, {
    exitCode: exitCodes.usage,
    hint: `use one of ${sizes.join(", ")}`,
  });
}
