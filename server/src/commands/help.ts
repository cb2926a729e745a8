/** The part of `--help` that every command has: examples and exit codes. */
import type { Command } from "commander";
import { nearestName } from "../core/nearest-name.ts";

export interface Help {
  /** Command lines, without the prompt. */
  readonly examples: readonly string[];
  readonly notes?: string;
  /** What exit code 1 means, when it is more than "it failed". */
  readonly failure?: string;
  /** Exit codes of this command only. */
  readonly exitCodes?: Readonly<Record<number, string>>;
}

export function withHelp(command: Command, help: Help): Command {
  const { examples, notes, failure = "failure", exitCodes = {} } = help;
  const codes = { 0: "success", 1: failure, 2: "wrong usage", ...exitCodes };
  const text = [
    ...(notes === undefined ? [] : ["", notes]),
    "",
    examples.length === 1 ? "Example:" : "Examples:",
    ...examples.map((example) => `  $ ${example}`),
    "",
    "Exit codes:",
    ...Object.entries(codes).map(([code, meaning]) => `  ${code}  ${meaning}`),
  ];
  return command.addHelpText("after", text.join("\n"));
}

/** For a group of commands that also does something by itself: commander would call a mistyped command an argument too many. */
export function refuseUnknownCommands(group: Command): Command {
  return group.allowExcessArguments().hook("preAction", (_, action) => {
    const [word] = action === group ? group.args : [];
    if (word === undefined) return;
    const known = group
      .createHelp()
      .visibleCommands(group)
      .map((command) => command.name());
    const near = nearestName(word, known);
    const hint = near === undefined ? `known: ${known.join(", ")}` : `Did you mean ${near}?`;
    group.error(`error: unknown command '${word}'\n(${hint})`);
  });
}
