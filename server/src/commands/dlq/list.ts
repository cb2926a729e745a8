import type { Command } from "commander";
import { groupDeadLetters, listDeadLetters } from "../../parts/dlq/dead-letters.ts";
import { type DeadLetterState, deadLetterStates } from "../../parts/dlq/ports.ts";
import type { DeadLetterPage, Groups } from "../../parts/dlq/schemas.ts";
import { exitCodes, table, UserError } from "../context.ts";
import { withDatabase } from "../database-command.ts";
import { withHelp } from "../help.ts";
import { readCount } from "../option-values.ts";
import { type FilterFlags, readFilter, withFilter } from "./filter-options.ts";

interface Flags extends FilterFlags {
  readonly state: string;
  readonly limit: number;
  readonly cursor?: string;
  readonly group?: boolean;
}

export function registerList(dlq: Command): void {
  withHelp(
    withFilter(
      dlq
        .command("list")
        .description("list dead letters, most recent failure first, or count them"),
    )
      .option("--state <state>", `one of ${deadLetterStates.join(", ")}, or all`, "open")
      .option("--limit <number>", "maximum number of dead letters", readCount, 20)
      .option("--cursor <text>", "continue after a previous page of results")
      .option("--group", "count by part, reason and state instead"),
    { examples: ["weir dlq list --group", "weir dlq list --part stream"] },
  ).action((flags: Flags, command: Command) =>
    withDatabase(command, async ({ database, show }) => {
      const filter = { ...readFilter(flags), ...readState(flags.state) };
      if (flags.group === true) {
        show(await groupDeadLetters(database, filter), groupTable);
        return;
      }
      const { limit, cursor } = flags;
      const page = { limit, ...(cursor === undefined ? {} : { cursor }) };
      show(await listDeadLetters(database, filter, page), deadLetterTable);
    }),
  );
}

function readState(text: string): { state?: DeadLetterState } {
  if (text === "all") return {};
  const state = deadLetterStates.find((known) => known === text);
  if (state !== undefined) return { state };
  throw new UserError(`"${text}" is not a state`, {
    exitCode: exitCodes.usage,
    hint: `use one of ${deadLetterStates.join(", ")}, or all`,
  });
}

function groupTable({ groups }: Groups): string {
  if (groups.length === 0) return "No dead letters.";
  return table(
    ["part", "reason", "state", "dead letters", "first failure", "last failure"],
    groups.map(({ part, reason, state, letters, first_at, last_at }) => [
      part,
      reason,
      state,
      letters,
      first_at,
      last_at,
    ]),
  );
}

function deadLetterTable({ letters, next_cursor }: DeadLetterPage): string {
  if (letters.length === 0) return "No dead letters.";
  const rows = table(
    ["id", "part", "reason", "state", "attempts", "last failure", "error"],
    letters.map((letter) => [
      letter.id,
      letter.part,
      letter.reason,
      `${letter.state}${letter.edited ? ", edited" : ""}`,
      letter.attempts,
      letter.last_at,
      letter.error.replaceAll(/\s+/g, " ").slice(0, 60),
    ]),
  );
  return next_cursor === null ? rows : `${rows}\n\nMore: --cursor ${next_cursor}`;
}
