import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { deadLetterValidators } from "../../compose/dlq.ts";
import { editDeadLetter } from "../../parts/dlq/change-dead-letters.ts";
import { readDeadLetter } from "../../parts/dlq/dead-letters.ts";
import type { Content, WholeDeadLetter } from "../../parts/dlq/schemas.ts";
import { UserError } from "../context.ts";
import { withDatabase } from "../database-command.ts";
import { withHelp } from "../help.ts";
import { changeIn } from "./change.ts";
import { deadLetterText } from "./show.ts";

export function registerEdit(dlq: Command): void {
  withHelp(
    dlq
      .command("edit <id>")
      .description("replace the content that a replay uses; the original is kept")
      .option("--file <path>", "the new content; - reads standard input (default: opens $EDITOR)"),
    { examples: ["weir dlq edit 0199a1f0-7c3e-7000-8000-000000000001 --file fixed.json"] },
  ).action((...[id, { file }, command]: [string, { file?: string }, Command]) =>
    withDatabase(command, async ({ database, show }) => {
      const bytes = readContent(file) ?? editInEditor(await readDeadLetter(database, id));
      const edit = { id, bytes, validators: deadLetterValidators };
      show(await editDeadLetter(changeIn(database), edit), deadLetterText);
    }),
  );
}

/** Undefined when the content comes from an editor. */
function readContent(file: string | undefined): Buffer | undefined {
  if (file !== undefined && file !== "-") return readFileSync(file);
  return file === "-" || process.stdin.isTTY !== true ? readFileSync(0) : undefined;
}

function editInEditor(letter: WholeDeadLetter): Buffer {
  const editor = process.env["VISUAL"] ?? process.env["EDITOR"];
  if (editor === undefined) {
    throw new UserError("no editor is configured", { hint: "set EDITOR, or use --file" });
  }
  const folder = mkdtempSync(join(tmpdir(), "weir-dead-letter-"));
  try {
    const name = letter.content_type.includes("json") ? "content.json" : "content.bin";
    const file = join(folder, name);
    writeFileSync(file, bytesOf(letter.edition ?? letter.original), { mode: 0o600 });
    const { status } = spawnSync("/bin/sh", ["-c", `${editor} "$1"`, "editor", file], {
      stdio: "inherit",
    });
    if (status !== 0) throw new UserError("the editor failed; nothing was changed");
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function bytesOf({ encoding, data }: Content): Buffer {
  return Buffer.from(data, encoding);
}
