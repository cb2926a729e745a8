import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { deadLetterValidators } from "../compose/dlq.ts";
import type { Database } from "../core/ports/database.ts";
import { writeAudit } from "../parts/auth/administration.ts";
import type { LetterFilter } from "../parts/dlq/filter.ts";
import {
  type Change,
  countLetters,
  discardLetters,
  editLetter,
  groupLetters,
  listLetters,
  readLetter,
} from "../parts/dlq/letters.ts";
import { type LetterState, letterStates } from "../parts/dlq/ports.ts";
import { cancelReplay, readReplay, requestReplay } from "../parts/dlq/replays.ts";
import type { Content, Groups, LetterPage, Replay, WholeLetter } from "../parts/dlq/schemas.ts";
import { exitCodes, table, UserError } from "./context.ts";
import { withDatabase } from "./database-command.ts";
import { readInstant } from "./option-values.ts";

interface FilterFlags {
  readonly part?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly until?: string;
  readonly text?: string;
}

interface SelectionFlags extends FilterFlags {
  readonly all?: boolean;
  readonly dryRun?: boolean;
}

const waitEveryMs = 300;
/** A replay that nobody works on for so long has no part `dlq` to work on it. */
const patienceMs = 15_000;

export function registerDlq(program: Command): void {
  const dlq = program
    .command("dlq")
    .description("dead letters: what could not be processed, until it is");

  withFilter(dlq.command("list").description("the letters that failed last, or groups of them"))
    .option("--state <state>", `one of ${letterStates.join(", ")}, or all`, "open")
    .option("--limit <number>", "how many", Number, 20)
    .option("--cursor <text>", "go on after a page before")
    .option("--group", "count by part and reason instead")
    .addHelpText("after", "\nExample:\n  $ weir dlq list --group\n  $ weir dlq list --part stream")
    .action(
      (
        flags: FilterFlags & { state: string; limit: number; cursor?: string; group?: boolean },
        command: Command,
      ) =>
        withDatabase(command, async ({ database, show }) => {
          const filter = { ...readFilter(flags), ...readState(flags.state) };
          if (flags.group === true) {
            show(await groupLetters(database, filter), groupTable);
            return;
          }
          const { limit, cursor } = flags;
          const page = { limit, ...(cursor === undefined ? {} : { cursor }) };
          show(await listLetters(database, filter, page), letterTable);
        }),
    );

  dlq
    .command("show <id>")
    .description("a letter with its bytes")
    .addHelpText("after", "\nExample:\n  $ weir dlq show 0199a1f0-7c3e-7000-8000-000000000001")
    .action((...[id, , command]: [string, unknown, Command]) =>
      withDatabase(command, async ({ database, show }) =>
        show(await readLetter(database, id), letterText),
      ),
    );

  dlq
    .command("edit <id>")
    .description("mend what a replay takes; the original is kept")
    .option("--file <path>", "the new content; - reads standard input (default: opens $EDITOR)")
    .addHelpText(
      "after",
      "\nExample:\n  $ weir dlq edit 0199a1f0-7c3e-7000-8000-000000000001 --file mended.json",
    )
    .action((...[id, { file }, command]: [string, { file?: string }, Command]) =>
      withDatabase(command, async ({ database, show }) => {
        const bytes = readContent(file) ?? editInEditor(await readLetter(database, id));
        const edit = { id, bytes, validators: deadLetterValidators };
        show(await editLetter(changeAt(database), edit), letterText);
      }),
    );

  withSelection(
    dlq
      .command("replay [id...]")
      .description("give letters back to their part, in the background of a running Weir"),
  )
    .option("--no-wait", "do not wait for the end")
    .option("--discarded", "take discarded letters instead of open ones")
    .addHelpText(
      "after",
      "\nCtrl-C while waiting cancels what was not replayed yet.\nExample:\n  $ weir dlq replay --part stream --reason embedding_refused\n  $ weir dlq replay --all --dry-run",
    )
    .action(
      (
        ...[ids, flags, command]: [
          string[],
          SelectionFlags & { wait: boolean; discarded?: boolean },
          Command,
        ]
      ) =>
        withDatabase(command, async ({ database, show }) => {
          const state = flags.discarded === true ? "discarded" : "open";
          const filter = { ...readSelection(ids, flags), state } as const;
          if (flags.dryRun === true) {
            show({ letters: await countLetters(database, filter) }, ({ letters }) => {
              return `${letters} letters would be replayed.`;
            });
            return;
          }
          const replay = await requestReplay(changeAt(database), filter);
          if (!flags.wait) {
            show(replay, ({ id, total }) => `Replay ${id} of ${total} letters is queued.`);
            return;
          }
          const ended = await waitForReplay(database, replay);
          show(ended, replayText);
          if (ended.failed > 0 || ended.state === "cancelled") process.exitCode = exitCodes.failed;
        }),
    );

  withSelection(
    dlq
      .command("discard [id...]")
      .description("give open letters up; retention deletes them later"),
  )
    .addHelpText("after", "\nExample:\n  $ weir dlq discard --reason unreadable --dry-run")
    .action((...[ids, flags, command]: [string[], SelectionFlags, Command]) =>
      withDatabase(command, async ({ database, show }) => {
        const filter = readSelection(ids, flags);
        const dry = flags.dryRun === true;
        const letters = dry
          ? await countLetters(database, filter)
          : await discardLetters(changeAt(database), filter);
        show({ letters }, () => `${letters} letters ${dry ? "would be" : "are"} discarded.`);
      }),
    );
}

function withFilter(command: Command): Command {
  return command
    .option("--part <name>", "only letters of this part")
    .option("--reason <code>", "only letters with this reason")
    .option("--since <instant>", "failed last at or after")
    .option("--until <instant>", "failed last before")
    .option("--text <text>", "stands in the error, the name or the bytes");
}

function withSelection(command: Command): Command {
  return withFilter(command).option("--all", "every open letter").option("--dry-run", "only count");
}

function readFilter({ part, reason, since, until, text }: FilterFlags): LetterFilter {
  return {
    ...(part === undefined ? {} : { part }),
    ...(reason === undefined ? {} : { reason }),
    ...(since === undefined ? {} : { since: readInstant(since).toISOString() }),
    ...(until === undefined ? {} : { until: readInstant(until).toISOString() }),
    ...(text === undefined ? {} : { text }),
  };
}

function readSelection(ids: readonly string[], flags: SelectionFlags): LetterFilter {
  const filter = { ...readFilter(flags), ...(ids.length === 0 ? {} : { ids }) };
  if (Object.keys(filter).length === 0 && flags.all !== true) {
    throw new UserError("which letters?", {
      exitCode: exitCodes.usage,
      hint: "name their ids, filter by --part, --reason, --since, --until or --text, or say --all",
    });
  }
  const wrong = ids.find((id) => !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id));
  if (wrong === undefined) return filter;
  throw new UserError(`"${wrong}" is not the id of a letter`, { exitCode: exitCodes.usage });
}

function readState(text: string): { state?: LetterState } {
  if (text === "all") return {};
  const state = letterStates.find((known) => known === text);
  if (state !== undefined) return { state };
  throw new UserError(`"${text}" is not a state`, {
    exitCode: exitCodes.usage,
    hint: `one of ${letterStates.join(", ")}, or all`,
  });
}

function changeAt(database: Database): Change {
  return { database, actor: `cli:${userInfo().username}`, audit: writeAudit };
}

function readContent(file: string | undefined): Buffer | undefined {
  if (file !== undefined && file !== "-") return readFileSync(file);
  return file === "-" || process.stdin.isTTY !== true ? readFileSync(0) : undefined;
}

function editInEditor(letter: WholeLetter): Buffer {
  const editor = process.env["VISUAL"] ?? process.env["EDITOR"];
  if (editor === undefined) {
    throw new UserError("no editor is configured", { hint: "set EDITOR, or send --file" });
  }
  const folder = mkdtempSync(join(tmpdir(), "weir-letter-"));
  try {
    const file = join(folder, letter.content_type.includes("json") ? "letter.json" : "letter.bin");
    writeFileSync(file, bytesOf(letter.edition ?? letter.original), { mode: 0o600 });
    const { status } = spawnSync("/bin/sh", ["-c", `${editor} "$1"`, "editor", file], {
      stdio: "inherit",
    });
    if (status !== 0) throw new UserError("the editor did not end well; nothing was changed");
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function bytesOf({ encoding, data }: Content): Buffer {
  return Buffer.from(data, encoding);
}

async function waitForReplay(database: Database, asked: Replay): Promise<Replay> {
  const stop = new AbortController();
  const onInterrupt = () => stop.abort();
  process.once("SIGINT", onInterrupt);
  const started = performance.now();
  try {
    let replay = asked;
    while (replay.state === "queued" || replay.state === "running") {
      if (stop.signal.aborted) return await cancelReplay(changeAt(database), asked.id);
      if (replay.state === "queued" && performance.now() - started > patienceMs) {
        throw new UserError(`nobody works on replay ${replay.id}; it stays queued`, {
          hint: 'is a Weir with the part "dlq" running? see "weir status"',
        });
      }
      showProgress(replay);
      await new Promise((resolve) => setTimeout(resolve, waitEveryMs));
      replay = await readReplay(database, asked.id);
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
  const left = rest > 0 ? `, ${rest} not replayed` : "";
  return `Replay ${state}: ${done} of ${total} letters resolved, ${failed} failed again${left}.`;
}

function groupTable({ groups }: Groups): string {
  if (groups.length === 0) return "No dead letters.";
  return table(
    ["part", "reason", "state", "letters", "first", "last"],
    groups.map((group) => [
      group.part,
      group.reason,
      group.state,
      group.letters,
      group.first_at,
      group.last_at,
    ]),
  );
}

function letterTable({ letters, next_cursor }: LetterPage): string {
  if (letters.length === 0) return "No dead letters.";
  const rows = table(
    ["id", "part", "reason", "state", "attempts", "last failed", "error"],
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

function letterText(letter: WholeLetter): string {
  const { original, edition, ...about } = letter;
  const lines = Object.entries(about).map(([name, value]) => {
    return `${name.padEnd(13)} ${typeof value === "object" ? JSON.stringify(value) : value}`;
  });
  lines.push("", `original (${original.encoding}):`, original.data);
  if (edition !== null) lines.push("", `edition (${edition.encoding}):`, edition.data);
  return lines.join("\n");
}
