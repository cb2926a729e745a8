import type { Command } from "commander";
import type { Database } from "../../core/ports/database.ts";
import { countDeadLetters } from "../../parts/dlq/dead-letters.ts";
import { cancelReplay, readReplay, requestReplay } from "../../parts/dlq/replays.ts";
import type { Replay } from "../../parts/dlq/schemas.ts";
import { pause } from "../../timing/pause.ts";
import { exitCodes, pollIntervalMs, UserError } from "../context.ts";
import { withDatabase } from "../database-command.ts";
import { withHelp } from "../help.ts";
import { changeIn } from "./change.ts";
import { deadLetters } from "./count-text.ts";
import { readSelection, type SelectionFlags, withSelection } from "./filter-options.ts";

interface Flags extends SelectionFlags {
  readonly wait: boolean;
  readonly discarded?: boolean;
}

/** A replay that is still queued after this time has no running part `dlq`. */
const startTimeoutMs = 15_000;

export function registerReplay(dlq: Command): void {
  withHelp(
    withSelection(
      dlq
        .command("replay [id...]")
        .description("process dead letters again, in the background of a running Weir"),
    )
      .option("--no-wait", "do not wait for the result")
      .option("--discarded", "select discarded dead letters instead of open ones"),
    {
      examples: [
        "weir dlq replay --part stream --reason embedding_refused",
        "weir dlq replay --all --dry-run",
      ],
      notes: "Ctrl-C while waiting cancels the dead letters that were not replayed yet.",
      failure: "failure, a dead letter failed again, or the replay was cancelled",
    },
  ).action((...[ids, flags, command]: [string[], Flags, Command]) =>
    withDatabase(command, async ({ database, show }) => {
      const state = flags.discarded === true ? "discarded" : "open";
      const filter = { ...readSelection(ids, flags), state } as const;
      if (flags.dryRun === true) {
        const letters = await countDeadLetters(database, filter);
        show({ letters }, () => `Would replay ${deadLetters(letters)}.`);
        return;
      }
      const replay = await requestReplay(changeIn(database), filter);
      if (!flags.wait) {
        show(replay, ({ id, total }) => `Queued replay ${id} of ${deadLetters(total)}.`);
        return;
      }
      const ended = await waitForReplay(database, replay);
      show(ended, replayText);
      if (ended.failed > 0 || ended.state === "cancelled") process.exitCode = exitCodes.failed;
    }),
  );
}

/** Shows the progress until the replay ends; Ctrl-C cancels it. */
async function waitForReplay(database: Database, requested: Replay): Promise<Replay> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  process.once("SIGINT", onInterrupt);
  const started = performance.now();
  try {
    let replay = requested;
    while (replay.state === "queued" || replay.state === "running") {
      if (interrupt.signal.aborted) return await cancelReplay(changeIn(database), requested.id);
      if (replay.state === "queued" && performance.now() - started > startTimeoutMs) {
        throw new UserError(`replay ${replay.id} does not start; it stays queued`, {
          hint: 'is a Weir with the part "dlq" running? see "weir status"',
        });
      }
      showProgress(replay);
      await pause(pollIntervalMs, interrupt.signal);
      replay = await readReplay(database, requested.id);
    }
    return replay;
  } finally {
    process.removeListener("SIGINT", onInterrupt);
    if (process.stderr.isTTY === true) process.stderr.write("\r\u001b[2K");
  }
}

function showProgress({ done, failed, total, problem }: Replay): void {
  if (process.stderr.isTTY !== true) return;
  const waiting = problem === null ? "" : `  waiting: ${problem.slice(0, 80)}`;
  process.stderr.write(`\r\u001b[2K  ${done + failed} of ${total}, ${failed} failed${waiting}`);
}

function replayText({ state, done, failed, total }: Replay): string {
  const rest = total - done - failed;
  const notReplayed = rest > 0 ? `, ${rest} not replayed` : "";
  return `Replay ${state}: ${done} of ${deadLetters(total)} resolved, ${failed} failed again${notReplayed}.`;
}
