import type { Command } from "commander";
import { discardDeadLetters } from "../../parts/dlq/change-dead-letters.ts";
import { countDeadLetters } from "../../parts/dlq/dead-letters.ts";
import { withDatabase } from "../database-command.ts";
import { withHelp } from "../help.ts";
import { changeIn } from "./change.ts";
import { deadLetters } from "./count-text.ts";
import { readSelection, type SelectionFlags, withSelection } from "./filter-options.ts";

export function registerDiscard(dlq: Command): void {
  withHelp(
    withSelection(
      dlq
        .command("discard [id...]")
        .description("discard open dead letters; retention deletes them later"),
    ),
    { examples: ["weir dlq discard --reason unreadable --dry-run"] },
  ).action((...[ids, flags, command]: [string[], SelectionFlags, Command]) =>
    withDatabase(command, async ({ database, show }) => {
      const filter = readSelection(ids, flags);
      if (flags.dryRun === true) {
        const letters = await countDeadLetters(database, filter);
        show({ letters }, () => `Would discard ${deadLetters(letters)}.`);
        return;
      }
      const letters = await discardDeadLetters(changeIn(database), filter);
      show({ letters }, () => `Discarded ${deadLetters(letters)}.`);
    }),
  );
}
