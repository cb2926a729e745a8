import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Command } from "commander";
import { createTestFolder } from "../../../../testing/database.ts";
import { createProgram } from "../program.ts";
import { completionScript } from "./scripts.ts";
import { type Shell, shells, valuesByPlace } from "./values.ts";

/** What a real shell offers after `weir <words>`, the last word being completed. */
type Complete = (...words: readonly string[]) => string[];

const runners: Readonly<Record<Shell, (file: string, words: readonly string[]) => string[]>> = {
  bash: (file, words) => [
    "bash",
    "--norc",
    "-c",
    `set -u; source "$1"; shift; COMP_WORDS=(weir "$@"); COMP_CWORD=$#; _weir; printf '%s\\n' "\${COMPREPLY[@]}"`,
    "bash",
    file,
    ...words,
  ],
  zsh: (file, words) => [
    "zsh",
    "-f",
    "-c",
    // what the completion system provides, with an output that can be read
    `compdef() { }; _files() { print -l -- *(N) }
     _describe() { local entry; for entry in "\${(@)described}"; do [[ $entry == $words[-1]* ]] && print -r -- "\${entry%%:*}"; done }
     source "$1"; shift; words=(weir "$@"); CURRENT=$#words; _weir`,
    "zsh",
    file,
    ...words,
  ],
  fish: (file, words) => [
    "fish",
    "--no-config",
    "-c",
    "source $argv[1]; complete -C $argv[2]",
    file,
    ["weir", ...words].join(" "),
  ],
};

/** Skips where the shell is not installed, except in CI. */
async function completing(t: TestContext, shell: Shell): Promise<Complete | undefined> {
  if (spawnSync(shell, ["-c", "exit 0"]).error !== undefined) {
    assert.notEqual(process.env["CI"], "true", `CI has no ${shell}`);
    console.error(`SKIPPED: the completion of ${shell}, which is not installed here`);
    t.skip(`${shell} is not installed`);
    return undefined;
  }
  const folder = await createTestFolder(t);
  const file = join(folder, "completion");
  writeFileSync(file, completionScript(await createProgram([]), shell));
  const place = join(folder, "place");
  mkdirSync(join(place, "folder"), { recursive: true });
  writeFileSync(join(place, "file.json"), "");
  return (...words) => {
    const [command = "", ...args] = runners[shell](file, words);
    const { stdout, stderr } = spawnSync(command, args, {
      cwd: place,
      encoding: "utf8",
      env: { ...process.env, HOME: folder },
    });
    assert.equal(stderr, "");
    const names = stdout.split("\n").map((line) => line.split("\t")[0] ?? "");
    return names.filter((name) => name !== "").sort();
  };
}

for (const shell of shells) {
  test(`${shell} completes commands, options and values`, async (t) => {
    const complete = await completing(t, shell);
    if (complete === undefined) return;
    assert.deepEqual(complete("ke"), ["keys"]);
    assert.deepEqual(complete("d"), ["demo", "dlq", "doctor"]);
    assert.deepEqual(complete("keys", ""), ["create", "generate", "list", "revoke"]);
    assert.deepEqual(complete("dlq", "list", "--s"), ["--since", "--state"]);
    assert.deepEqual(complete("--data", "x", "--json", "dlq", "re"), ["replay"]);
    assert.deepEqual(complete("windows", "rerun", ""), ["day", "hour", "minute"]);
    assert.deepEqual(complete("windows", "rerun", "hour", ""), []);
    assert.deepEqual(complete("windows", "list", "--size", "m"), ["minute"]);
    assert.deepEqual(complete("windows", "list", "--limit", "5", "--size", "d"), ["day"]);
    assert.deepEqual(complete("serve", "--parts", "http,et"), ["http,etl"]);
    assert.ok(!complete("serve", "--parts", "http,").includes("http,http"));
    assert.deepEqual(complete("services", "create", "shop", "--role", "st"), ["storefront"]);
    assert.deepEqual(complete("completion", ""), [...shells].sort());
    assert.ok(complete("up", "--").includes("--no-demo"));
    assert.ok(complete("up", "--").includes("--json"));
    assert.ok(complete("events", "send", "f").some((name) => name.startsWith("file.json")));
  });

  test(`${shell} completes a value that follows an equals sign`, async (t) => {
    const complete = await completing(t, shell);
    if (complete === undefined) return;
    // bash splits words at it
    const words = shell === "bash" ? ["--size", "=", "m"] : ["--size=m"];
    const expected = shell === "bash" ? ["minute"] : ["--size=minute"];
    assert.deepEqual(complete("windows", "list", ...words), expected);
  });
}

test("every place with known values exists, and every option that lists its values is known", async () => {
  const program = await createProgram([]);
  const places = new Set<string>(["--data"]);
  const visit = (command: Command, path: string): void => {
    for (const { long, description } of command.options) {
      const place = `${path} ${long}`;
      places.add(place);
      if (/\bone of \w+,/.test(description)) assert.ok(place in valuesByPlace(), place);
    }
    for (const index of command.registeredArguments.keys()) places.add(`${path} ${index + 1}`);
    for (const sub of command.commands) visit(sub, `${path} ${sub.name()}`.trim());
  };
  for (const command of program.commands) visit(command, command.name());
  for (const place of Object.keys(valuesByPlace())) assert.ok(places.has(place), place);
});
