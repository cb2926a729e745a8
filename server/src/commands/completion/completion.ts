import { Argument, type Command } from "commander";
import { withHelp } from "../help.ts";
import { completionScript } from "./scripts.ts";
import { type Shell, shells } from "./values.ts";

/** @param wholeProgram with all commands, of which a running command loads only its own */
export function registerCompletion(
  wholeProgram: () => Promise<Command>,
): (program: Command) => void {
  return (program) => register(program, wholeProgram);
}

function register(program: Command, wholeProgram: () => Promise<Command>): void {
  withHelp(
    program
      .command("completion")
      .description("print the script with which a shell completes commands, options and values")
      .addArgument(new Argument("<shell>", "the shell").choices(shells)),
    {
      examples: [
        "weir completion bash > ~/.local/share/bash-completion/completions/weir",
        'weir completion zsh > "$' + '{fpath[1]}/_weir"',
        "weir completion fish > ~/.config/fish/completions/weir.fish",
      ],
      notes: "It completes the command `weir`; `npm link` in the checkout puts that on the PATH.",
    },
  ).action(async (shell: Shell) => {
    process.stdout.write(completionScript(await wholeProgram(), shell));
  });
}
