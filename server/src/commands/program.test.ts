import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { createTestFolder } from "../../../testing/database.ts";
import { runCommand } from "../../test/helpers/weir.ts";
import { createProgram } from "./program.ts";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/** What `--help` prints, with the text that is added after the list of options. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

test("every command has a help with a description, an example and its exit codes", async () => {
  const program = await createProgram([]);
  const commands = withSubcommands(program);
  assert.ok(commands.length > 40, `${commands.length} commands`);
  for (const command of commands) {
    const help = helpOf(command);
    assert.notEqual(command.description(), "", command.name());
    assert.match(help, /\nExamples?:\n {2}\$ .*weir/, command.name());
    assert.match(help, /\nExit codes:\n {2}0 {2}success\n {2}1 {2}.+\n {2}2 {2}wrong usage/);
  }
});

test("a mistyped part, command or option gets the nearest name, and exit code 2", async () => {
  for (const [words, expected] of [
    [["serve", "--parts", "http,strem"], /unknown part "strem"\n.*did you mean stream\?.*demo/],
    [["stauts"], /Did you mean status/],
    [["keys", "lst"], /Did you mean list/],
    [["up", "--prot", "1"], /Did you mean --port/],
    [["up", "--port", "eighty"], /--port.*must be a number/],
    [["up", "--port", "99999"], /http\.port: must be at most 65535, not 99999 \(from --port\)/],
  ] as const) {
    const { exitCode, output } = await runCommand(words);
    assert.match(output, expected);
    assert.equal(exitCode, 2, output);
    assert.doesNotMatch(output, /\n +at /);
  }
});

test("a data folder that cannot be created is reported at once", async () => {
  const { exitCode, output } = await runCommand(["up", "--data", "/proc/weir", "--port", "0"]);
  assert.match(output, /the data folder \/proc\/weir cannot be used: .*\n.*--data/);
  assert.equal(exitCode, 1);
});

test("a reader that closes the pipe early gets no stack trace", async (t) => {
  const cwd = await createTestFolder(t);
  const child = spawn(process.execPath, [main, "openapi"], { cwd });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  child.stdout.destroy();
  await once(child, "close");
  assert.equal(errors, "");
});
