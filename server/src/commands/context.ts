import type { Command } from "commander";
import { loadWithOrigins } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Flag } from "../config/sources.ts";
import { findInstallation } from "../process/find-installation.ts";
import type { PlaceProblem } from "../process/place.ts";

/** Exit codes of every command. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, differences: 3, unprepared: 4 } as const;

/** Between two looks at work that a command waits for. */
export const pollIntervalMs = 300;

/** An error that the user can fix: printed as a sentence with a hint, without a stack. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly exitCode: number;
  readonly hint: string | undefined;

  constructor(message: string, options: { exitCode?: number; hint?: string } = {}) {
    super(message);
    this.exitCode = options.exitCode ?? exitCodes.failed;
    this.hint = options.hint;
  }
}

interface GlobalFlags {
  readonly json?: boolean;
  readonly data?: string;
}

/** What every command needs: the configuration, with its flags applied, and the output. */
export interface CommandContext {
  readonly json: boolean;
  readonly config: Config;
  /** The folder of weir.yaml. */
  readonly home: string;
  /** What chose the data folder: a flag, a variable, a line of weir.yaml, or how it was found. */
  readonly dataFrom: string;
  /** Which flag, variable or line of a file set the setting with this path; undefined for a default. */
  originOf(path: string): string | undefined;
  /** Prints `value` as JSON with `--json`, otherwise the result of `text`. */
  show<T>(value: T, text: (value: T) => string): void;
}

export function contextOf(
  command: Command,
  /** Flags of the command that set a setting, by its path. */
  settingFlags: Readonly<Record<string, Flag>> = {},
): CommandContext {
  const flags = command.optsWithGlobals<GlobalFlags>();
  const cwd = process.cwd();
  const { home, because } = findInstallation(cwd);
  const fromVariable = flags.data === undefined ? process.env["WEIR_DATA"] : undefined;
  const { config, originOf } = loadWithOrigins({
    env: process.env,
    cwd,
    home,
    flags: {
      data_dir: {
        flag: fromVariable === undefined ? "--data" : "WEIR_DATA",
        value: flags.data ?? fromVariable,
      },
      ...settingFlags,
    },
  });
  const json = flags.json === true;
  return {
    json,
    config,
    home,
    dataFrom: originOf("data_dir") ?? because,
    originOf,
    show(value, text) {
      const output = json ? JSON.stringify(value, null, 2) : text(value);
      if (output !== "") process.stdout.write(`${output}\n`);
    },
  };
}

/** The problem of a setting, with the flag, variable or line of weir.yaml that set it. */
export function placeError(
  { originOf }: Pick<CommandContext, "originOf">,
  { setting, problem, hint }: PlaceProblem,
): UserError {
  const origin = originOf(setting);
  return new UserError(origin === undefined ? problem : `${problem} (from ${origin})`, { hint });
}

/** Aligned columns; columns of numbers are aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = rows.map((row) =>
    row.map((cell) => (cell === null || cell === undefined ? "-" : String(cell))),
  );
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const numeric = head.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === "number"),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        numeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join(
    "\n",
  );
}
