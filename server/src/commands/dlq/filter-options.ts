/** The options that select dead letters, the same for every sub-command. */
import type { Command } from "commander";
import type { DeadLetterFilter } from "../../parts/dlq/filter.ts";
import { exitCodes, UserError } from "../context.ts";
import { readInstant } from "../option-values.ts";

export interface FilterFlags {
  readonly part?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly until?: string;
  readonly text?: string;
}

export interface SelectionFlags extends FilterFlags {
  readonly all?: boolean;
  readonly dryRun?: boolean;
}

export function withFilter(command: Command): Command {
  return command
    .option("--part <name>", "only dead letters of this part")
    .option("--reason <code>", "only dead letters with this reason")
    .option("--since <instant>", "last failure at or after this instant")
    .option("--until <instant>", "last failure before this instant")
    .option("--text <text>", "text contained in the error, the source key or the content");
}

/** For sub-commands that change something: without a filter they need `--all`. */
export function withSelection(command: Command): Command {
  return withFilter(command)
    .option("--all", "select all open dead letters")
    .option("--dry-run", "only count, change nothing");
}

export function readFilter({ part, reason, since, until, text }: FilterFlags): DeadLetterFilter {
  return {
    ...(part === undefined ? {} : { part }),
    ...(reason === undefined ? {} : { reason }),
    ...(since === undefined ? {} : { since: readInstant(since).toISOString() }),
    ...(until === undefined ? {} : { until: readInstant(until).toISOString() }),
    ...(text === undefined ? {} : { text }),
  };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** @throws UserError when nothing is selected, or an id is not valid */
export function readSelection(ids: readonly string[], flags: SelectionFlags): DeadLetterFilter {
  const filter = { ...readFilter(flags), ...(ids.length === 0 ? {} : { ids }) };
  if (Object.keys(filter).length === 0 && flags.all !== true) {
    throw new UserError("no dead letters are selected", {
      exitCode: exitCodes.usage,
      hint: "name ids, filter by --part, --reason, --since, --until or --text, or use --all",
    });
  }
  const wrong = ids.find((id) => !uuid.test(id));
  if (wrong === undefined) return filter;
  throw new UserError(`"${wrong}" is not the id of a dead letter`, { exitCode: exitCodes.usage });
}
