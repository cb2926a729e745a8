import type { Command } from "commander";
import { readDeadLetter } from "../../parts/dlq/dead-letters.ts";
import type { WholeDeadLetter } from "../../parts/dlq/schemas.ts";
import { withDatabase } from "../database-command.ts";
import { withHelp } from "../help.ts";

export function registerShow(dlq: Command): void {
  withHelp(dlq.command("show <id>").description("show a dead letter with its content"), {
    examples: ["weir dlq show 0199a1f0-7c3e-7000-8000-000000000001"],
  }).action((...[id, , command]: [string, unknown, Command]) =>
    withDatabase(command, async ({ database, show }) =>
      show(await readDeadLetter(database, id), deadLetterText),
    ),
  );
}

/** One line per member, then the original content and the edit. */
export function deadLetterText(letter: WholeDeadLetter): string {
  const { original, edition, ...about } = letter;
  const lines = Object.entries(about).map(([name, value]) => {
    return `${name.padEnd(13)} ${typeof value === "object" ? JSON.stringify(value) : value}`;
  });
  lines.push("", `original (${original.encoding}):`, original.data);
  if (edition !== null) lines.push("", `edition (${edition.encoding}):`, edition.data);
  return lines.join("\n");
}
