import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { until } from "../../testing/until.ts";

/** A checkout with the real launcher, one dependency, and a server and an npm that tell what they see. */
interface Checkout {
  readonly folder: string;
  /** How often npm was called so far, with which arguments. */
  npmCalls(): string[];
  launch(args: readonly string[], environment?: Record<string, string>): Launched;
  /** With a process in the place of npm that has a shell in the place of npm's between it and the launcher. */
  launchUnderNpm(args: readonly string[]): Launched;
}

interface Launched {
  readonly process: ChildProcess;
  output(): string;
  readonly ended: Promise<number | string | null>;
}

const lock = (version: string) =>
  JSON.stringify({ packages: { "": {}, "node_modules/dependency": { version } } });

const server = `
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "disconnect"]) {
    process.on(signal, () => {
      console.log("got", signal);
      setTimeout(() => process.exit(7), 200);
    });
  }
  // Only now: the test sends a signal as soon as it reads this.
  console.log("server", process.argv.slice(2).join(" "));
  if (process.argv[2] === "exit") process.exit(Number(process.argv[3]));
  setInterval(() => {}, 1000);
`;

/** Does what \`npm ci\` does to the file that tells a whole install. */
const npm = `
  const fs = require("node:fs");
  const folder = process.argv.find((word) => word.startsWith("--prefix=")).slice(9);
  fs.appendFileSync(folder + "/npm-calls", process.argv.slice(2).join(" ") + "\\n");
  fs.rmSync(folder + "/node_modules", { recursive: true, force: true });
  if (process.env.NPM_FAILS) { console.error("npm error code " + process.env.NPM_FAILS); process.exit(1); }
  if (process.env.NPM_HANGS) setInterval(() => {}, 1000);
  else setTimeout(() => {
    fs.mkdirSync(folder + "/node_modules");
    const lock = process.env.NPM_LEAVES_OUT ? '{"packages":{}}' : fs.readFileSync(folder + "/package-lock.json");
    fs.writeFileSync(folder + "/node_modules/.package-lock.json", lock);
  }, Number(process.env.NPM_TAKES_MS ?? 300));
`;

test("a command ends with the exit code of what it ran", async (t) => {
  const { launch } = makeCheckout(t, { installed: true });
  assert.equal(await launch(["weir", "exit", "5"]).ended, 5);
});

test("an unknown command is refused with the list of those that exist", async (t) => {
  const launched = makeCheckout(t, { installed: true }).launch(["strat"]);
  assert.equal(await launched.ended, 2);
  assert.match(launched.output(), /Unknown command strat[\s\S]*test:promises/);
});

test("nothing is installed when all is there", async (t) => {
  const { launch, npmCalls } = makeCheckout(t, { installed: true });
  await launch(["weir", "exit", "0"]).ended;
  assert.deepEqual(npmCalls(), []);
});

test("what the lock file asks for is installed once, without install scripts", async (t) => {
  const { folder, launch, npmCalls } = makeCheckout(t, { installed: false });
  assert.equal(await launch(["weir", "exit", "0"]).ended, 0);
  assert.equal(await launch(["weir", "exit", "0"]).ended, 0);
  assert.equal(npmCalls().length, 1);
  assert.match(npmCalls()[0] ?? "", /^ci .*--ignore-scripts --include=dev/);
  writeFileSync(join(folder, "package-lock.json"), lock("2.0.0"));
  assert.equal(await launch(["weir", "exit", "0"]).ended, 0);
  assert.equal(npmCalls().length, 2);
});

test("two starts at the same time install once", async (t) => {
  const { launch, npmCalls } = makeCheckout(t, { installed: false });
  const ended = [launch(["weir", "exit", "0"]).ended, launch(["weir", "exit", "0"]).ended];
  assert.deepEqual(await Promise.all(ended), [0, 0]);
  assert.equal(npmCalls().length, 1);
});

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  test(`an install that ${signal} interrupts is completed by the next start`, async (t) => {
    const { launch, npmCalls } = makeCheckout(t, { installed: false });
    const interrupted = launch(["weir", "exit", "0"], { NPM_HANGS: "1" });
    await until(() => npmCalls().length === 1, { what: "npm to run" });
    interrupted.process.kill(signal);
    assert.equal(await interrupted.ended, code);
    assert.equal(await launch(["weir", "exit", "0"]).ended, 0);
  });
}

test("an install that was killed does not block the next start", async (t) => {
  const { folder, launch, npmCalls } = makeCheckout(t, { installed: false });
  const killed = launch(["weir", "exit", "0"], { NPM_HANGS: "1" });
  await until(() => npmCalls().length === 1, { what: "npm to run" });
  assert.ok(existsSync(join(folder, ".cache", "set-up.lock")));
  process.kill(-(killed.process.pid ?? 0), "SIGKILL");
  await killed.ended;
  assert.equal(await launch(["weir", "exit", "0"]).ended, 0);
});

test("an install ends with a launcher that is killed, and the next start installs again", async (t) => {
  const { launch, npmCalls } = makeCheckout(t, { installed: false });
  const killed = launch(["weir", "exit", "0"], { NPM_HANGS: "1" });
  await until(() => npmCalls().length === 1, { what: "npm to run" });
  killed.process.kill("SIGKILL");
  assert.equal(await launch(["weir", "exit", "0"]).ended, 0);
  assert.equal(npmCalls().length, 2);
});

for (const [code, sentence] of [
  ["ENOTFOUND", /registry cannot be reached/],
  ["ENOSPC", /disk is full/],
  ["EACCES", /is not writable/],
  ["EUSAGE", /do not agree/],
] as const) {
  test(`an install that fails with ${code} says in a sentence what to do`, async (t) => {
    const launched = makeCheckout(t, { installed: false }).launch(["weir", "exit", "0"], {
      NPM_FAILS: code,
    });
    assert.equal(await launched.ended, 1);
    assert.match(launched.output(), sentence);
    assert.doesNotMatch(launched.output(), /^ +at /m);
  });
}

test("a package that npm left out in silence is named", async (t) => {
  const launched = makeCheckout(t, { installed: false }).launch(["weir", "exit", "0"], {
    NPM_LEAVES_OUT: "1",
  });
  assert.equal(await launched.ended, 1);
  assert.match(launched.output(), /npm left out dependency/);
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  test(`${signal} closes the server's channel once, and the server's exit code comes back`, async (t) => {
    const launched = makeCheckout(t, { installed: true }).launch(["weir", "stay"]);
    await until(() => launched.output().includes("server stay"), { what: "the server" });
    launched.process.kill(signal);
    assert.equal(await launched.ended, 7);
    assert.deepEqual(launched.output().match(/got \w+/g), ["got disconnect"]);
  });
}

test("Ctrl-C reaches the server once: from the terminal, not from the launcher", async (t) => {
  const launched = makeCheckout(t, { installed: true }).launch(["weir", "stay"]);
  await until(() => launched.output().includes("server stay"), { what: "the server" });
  process.kill(-(launched.process.pid ?? 0), "SIGINT");
  assert.equal(await launched.ended, 7);
  assert.equal(launched.output().match(/got SIGINT/g)?.length, 1);
});

test("a launcher that is killed takes the server with it", async (t) => {
  const launched = makeCheckout(t, { installed: true }).launch(["weir", "stay"]);
  await until(() => launched.output().includes("server stay"), { what: "the server" });
  launched.process.kill("SIGKILL");
  await until(() => launched.output().includes("got disconnect"), { what: "the server to stop" });
});

test("under npm, the launcher ends when npm or the shell between them ends", async (t) => {
  const launched = makeCheckout(t, { installed: true }).launchUnderNpm(["weir", "stay"]);
  await until(() => launched.output().includes("server stay"), { what: "the server" });
  launched.process.kill("SIGKILL");
  await until(() => launched.output().includes("got disconnect"), {
    what: "the server to stop",
    timeoutMs: 2_000,
  });
});

function makeCheckout(t: TestContext, { installed }: { installed: boolean }): Checkout {
  const folder = join(mkdtempSync(join(tmpdir(), "weir-launch-")), "with a space");
  t.after(() => rmSync(dirname(folder), { recursive: true, force: true }));
  for (const part of ["launch.mjs", "launcher"]) {
    cpSync(join(import.meta.dirname, "..", part), join(folder, "scripts", part), {
      recursive: true,
    });
  }
  const files: Record<string, string> = {
    "package-lock.json": lock("1.0.0"),
    "server/src/main.ts": server,
    "npm-cli.js": npm,
    ...(installed ? { "node_modules/.package-lock.json": lock("1.0.0") } : {}),
  };
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  return {
    folder,
    npmCalls() {
      const file = join(folder, "npm-calls");
      return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
    },
    launch: (args, environment = {}) => launch(t, { folder, args, environment }),
    launchUnderNpm(args) {
      // ":" keeps the shell from replacing itself by the launcher
      const shell = `"${process.execPath}" scripts/launch.mjs ${args.join(" ")}; :`;
      const npm = `require("node:child_process").spawn("/bin/sh", ["-c", ${JSON.stringify(shell)}], { stdio: "inherit" })`;
      const environment = { npm_lifecycle_event: "start" };
      return launch(t, { folder, args: ["--eval", npm], environment, script: [] });
    },
  };
}

function launch(
  t: TestContext,
  options: {
    folder: string;
    args: readonly string[];
    environment: Record<string, string>;
    script?: readonly string[];
  },
): Launched {
  const { folder, args, environment, script = [join(folder, "scripts", "launch.mjs")] } = options;
  const child = spawn(process.execPath, [...script, ...args], {
    cwd: folder,
    env: { ...process.env, npm_execpath: join(folder, "npm-cli.js"), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group, as a terminal gives it.
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  t.after(() => {
    try {
      process.kill(-(child.pid ?? 0), "SIGKILL");
    } catch {
      // The whole group has ended.
    }
  });
  const ended = new Promise<number | string | null>((resolve) =>
    child.once("exit", (code, signal) => resolve(code ?? signal)),
  );
  return { process: child, output: () => output, ended };
}
