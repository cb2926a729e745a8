import { userInfo } from "node:os";
import type { Granularity } from "@weir/protocol";
import type { Command } from "commander";
import type { Queryable } from "../core/ports/database.ts";
import { type RerunState, readRerun, requestRerun } from "../parts/etl/reruns.ts";
import { Asker } from "../parts/query/ask.ts";
import { readWindows } from "../parts/query/questions/windows.ts";
import { table, UserError } from "./context.ts";
import { withDatabase } from "./database-command.ts";
import { readInstant } from "./option-values.ts";

const sizes: readonly string[] = ["minute", "hour", "day"];
const waitEveryMs = 300;

export function registerWindows(program: Command): void {
  const windows = program
    .command("windows")
    .description("list windows and make them anew from raw");

  windows
    .command("list")
    .description("the newest windows with their state and last rerun")
    .option("--size <size>", `one of ${sizes.join(", ")}`, "hour")
    .option("--limit <number>", "how many", Number, 24)
    .addHelpText("after", "\nExample:\n  $ weir windows list --size day")
    .action(({ size, limit }: { size: string; limit: number }, command: Command) =>
      withDatabase(command, async ({ database, config, show }) => {
        const asker = new Asker(database, {
          timeoutMs: config.query.timeout_ms,
          freeFormTimeoutMs: config.query.free_form_timeout_ms,
          concurrency: 1,
          clock: () => performance.now(),
        });
        const page = await readWindows(
          asker,
          {
            size: readSize(size),
            limit,
            state: undefined,
            fromMs: undefined,
            toMs: undefined,
            cursor: undefined,
          },
          AbortSignal.timeout(30_000),
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
      }),
    );

  windows
    .command("rerun <size> <start>")
    .description(
      "replace a window from its raw events; the numbers stay the same if they were right",
    )
    .option("--no-wait", "do not wait for the end")
    .addHelpText("after", "\nExample:\n  $ weir windows rerun hour 2026-11-20T14:00:00Z")
    .action((...[size, start, { wait }, command]: [string, string, { wait: boolean }, Command]) =>
      withDatabase(command, async ({ database, show }) => {
        const { runId } = await requestRerun(database, {
          size: readSize(size),
          start: readInstant(start),
          requestedBy: `cli:${userInfo().username}`,
        });
        if (!wait) {
          show({ run_id: runId }, () => `Queued as run ${runId}.`);
          return;
        }
        const ended = await waitForRun(database, runId);
        show(ended, (row) =>
          row.state === "failed"
            ? `Failed: ${row.error}`
            : `Done in ${row.duration_ms} ms over ${row.rows ?? 0} raw events: ${row.changed ? "other numbers than before" : "the same numbers as before"}.`,
        );
        if (ended.state === "failed") process.exitCode = 1;
      }),
    );
}

async function waitForRun(database: Queryable, id: string): Promise<RerunState> {
  for (;;) {
    const run = await readRerun(database, id);
    if (run === undefined) throw new UserError(`run ${id} is gone`);
    if (run.state === "done" || run.state === "failed") return run;
    await new Promise((resolve) => setTimeout(resolve, waitEveryMs));
  }
}

function readSize(text: string): Granularity {
  if (sizes.includes(text)) return text as Granularity;
  throw new UserError(`"${text}" is not a window size`, {
    exitCode: 2,
    hint: `one of ${sizes.join(", ")}`,
  });
}
