import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
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
    [["demo", "trafic"], /unknown command 'trafic'\n\(Did you mean traffic\?\)/],
    [["demo", "traffic", "more"], /too many arguments for 'traffic'/],
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

test("every command of every group is suggested when its last letter is missing", async () => {
  const groups = withSubcommands(await createProgram([])).filter(
    ({ commands }) => commands.length > 0,
  );
  assert.ok(groups.length > 10, `${groups.length} groups`);
  for (const group of groups) {
    for (const name of group.commands.map((command) => command.name())) {
      const mistyped = name.slice(0, -1);
      let output = "";
      group.configureOutput({ writeErr: (text) => (output += text) });
      await assert.rejects(group.parseAsync([mistyped], { from: "user" }), { exitCode: 1 });
      assert.match(output, /Did you mean /, `${group.name()} ${mistyped}`);
    }
  }
});

test("a status that needs Kafka says that it is not configured, and how it is", async () => {
  const { exitCode, output } = await runCommand(["intake", "status"]);
  assert.match(output, /Kafka is not configured: set kafka\.brokers/);
  assert.equal(exitCode, 0);
});

test("a folder or port that cannot be used is blamed on what set it, within a second", async (t) => {
  const cwd = await createTestFolder(t);
  await writeFile(join(cwd, "file"), "");
  await writeFile(join(cwd, "weir.yaml"), "env: test\nhttp:\n  host: 192.0.2.1\n");
  const inUse = createServer();
  t.after(() => inUse.close());
  await new Promise<void>((resolve) => inUse.listen(0, "127.0.0.1", resolve));
  const address = inUse.address();
  const port = String(typeof address === "object" && address !== null ? address.port : 0);
  const free = ["--data", "data", "--no-demo"];
  const { ms: loadingMs } = runIn(cwd, ["--version"]);
  for (const [words, environment, expected] of [
    [
      ["--data", "/proc/weir"],
      {},
      /folder \/proc\/weir cannot be used: .* \(from --data\)\n.*--data/,
    ],
    [[], { WEIR_DATA: "file" }, /file is not a folder \(from WEIR_DATA\)/],
    [free, {}, /192\.0\.2\.1 is not an address of this machine \(from weir\.yaml line 3\)/],
    [
      [...free, "--host", "127.0.0.1", "--port", port],
      {},
      /already in use \(from --port\)\n.*--port 0/,
    ],
    [
      [...free, "--host", "127.0.0.1"],
      { WEIR_HTTP_PORT: port },
      /already in use \(from WEIR_HTTP_PORT\)/,
    ],
    [[...free, "--host", "nowhere.invalid"], {}, /cannot be resolved \(from --host\)/],
  ] as const) {
    const { exitCode, output, ms } = runIn(cwd, ["up", ...words], environment);
    assert.match(output, expected);
    assert.equal(exitCode, 1);
    assert.doesNotMatch(output, /\n +at /);
    // on a busy machine Node.js alone takes seconds
    assert.ok(ms < 1_000 + 3 * loadingMs, `${ms} ms; weir --version takes ${loadingMs} ms`);
  }
});

function runIn(
  cwd: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
) {
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...environment },
  });
  return { exitCode: status, output: stdout + stderr, ms: performance.now() - began };
}

for (const [words, closed] of [
  [["openapi"], "stdout"],
  [["config", "print", "--json"], "stdout"],
  [["--help"], "stdout"],
  [["stauts"], "stderr"],
  [["up", "--port", "eighty"], "stderr"],
] as const) {
  test(`weir ${words.join(" ")} | head ends as if by SIGPIPE, without a word`, async (t) => {
    const cwd = await createTestFolder(t);
    const child = spawn(process.execPath, [main, ...words], { cwd });
    let errors = "";
    child[closed === "stdout" ? "stderr" : "stdout"]
      .setEncoding("utf8")
      .on("data", (text: string) => {
        errors += text;
      });
    child[closed].destroy();
    const [exitCode] = await once(child, "close");
    assert.deepEqual([exitCode, errors], [141, ""]);
  });
}
