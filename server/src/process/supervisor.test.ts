import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import type { ChildSpec } from "./child-program.ts";
import { openProcessLog } from "./process-log.ts";
import { ProcessStates } from "./process-states.ts";
import { Supervisor } from "./supervisor.ts";

/**
 * A program that reports that it is ready at the URL it was given and beats, or fails with a message. With a
 * second argument it does that once, and freezes the first time: the file of that name tells the times apart.
 */
const program = `
  import { existsSync, writeFileSync } from "node:fs";
  const [url, freezesOnce] = process.argv.slice(2);
  const freeze = () => { for (;;); };
  const isFirst = freezesOnce !== undefined && !existsSync(freezesOnce);
  if (isFirst) writeFileSync(freezesOnce, "");
  if (url === undefined) {
    console.error("weir: the reason\\n      and what helps");
    process.exitCode = 1;
    process.disconnect();
  } else if (url === "at start") {
    if (isFirst) freeze();
    process.send({ type: "ready", url: "started" });
    setInterval(() => process.send({ type: "beat" }), 500);
  } else {
    process.send({ type: "ready", url });
    setInterval(() => process.send({ type: "beat" }), 500);
    process.on("message", (message) => console.log(JSON.stringify(message)));
    if (isFirst) setTimeout(freeze, 1_000);
  }
`;

interface Supervised {
  readonly supervisor: Supervisor;
  readonly states: ProcessStates;
  readonly folder: string;
  logLines(): Promise<Record<string, unknown>[]>;
}

async function supervise(t: TestContext): Promise<Supervised> {
  const folder = await createTestFolder(t);
  const main = join(folder, "main.mjs");
  await writeFile(main, program);
  const states = new ProcessStates();
  const log = openProcessLog(join(folder, "logs"), { maxBytes: 1e6, files: 2 });
  const supervisor = new Supervisor({
    main,
    environment: {},
    log,
    heartbeatTimeoutMs: 3_000,
    states,
  });
  t.after(async () => {
    await supervisor.stop();
    await log.close();
  });
  return {
    supervisor,
    states,
    folder,
    async logLines() {
      const text = await readFile(join(folder, "logs", "weir.log"), "utf8").catch(() => "");
      return text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    },
  };
}

test("a child that ends at its start is reported with the end of its error output", async (t) => {
  const { supervisor } = await supervise(t);
  await assert.rejects(supervisor.start({ name: "http", arguments: () => [] }, 10_000), {
    message:
      "http ended at start (exit code 1)\n      weir: the reason\n            and what helps",
  });
});

test("a child that is killed is restarted, gets its previous URL, and the reason is logged and counted", async (t) => {
  const { supervisor, states, logLines } = await supervise(t);
  const given: (string | undefined)[] = [];
  const spec: ChildSpec = {
    name: "http",
    arguments(previousUrl) {
      given.push(previousUrl);
      return [previousUrl ?? "http://127.0.0.1:1234"];
    },
  };
  assert.equal(await supervisor.start(spec, 10_000), "http://127.0.0.1:1234");
  process.kill(supervisor.processIds["http"] ?? 0, "SIGKILL");
  await until(() => states.problems.length === 1, { what: "the end to be noticed" });
  assert.deepEqual(states.problems, ["http ended (SIGKILL), restarting"]);
  await until(() => states.problems.length === 0, { what: "the second start" });
  assert.deepEqual(given, [undefined, "http://127.0.0.1:1234"]);
  assert.equal(supervisor.restarts, 1);
  assert.deepEqual(states.reports[0]?.restarts, { exit: 0, signal: 1, frozen: 0 });
  const restart = await until(
    async () => (await logLines()).find(({ msg }) => msg === "a process ended and is restarted"),
    { what: "the line in the log" },
  );
  const { process: name, exit, reason, restarts, part } = restart;
  assert.deepEqual(
    [part, name, exit, reason, restarts],
    ["supervisor", "http", "SIGKILL", "signal", 1],
  );
});

for (const [state, url] of [
  ["that is ready", "http://127.0.0.1:1234"],
  ["at its start", "at start"],
] as const) {
  test(`a child ${state} and whose event loop no longer turns is killed and restarted`, async (t) => {
    const { supervisor, states, folder, logLines } = await supervise(t);
    const file = join(folder, "frozen");
    const began = performance.now();
    await supervisor.start({ name: "etl", arguments: () => [url, file] }, 20_000);
    const report = await until(
      () =>
        states.reports.find(({ restarts, problem }) => restarts.frozen === 1 && problem === null),
      { what: "a restart" },
    );
    assert.deepEqual(report.restarts, { exit: 0, signal: 0, frozen: 1 });
    assert.ok(performance.now() - began >= 3_000);
    const lines = await logLines();
    assert.ok(lines.some(({ msg }) => msg === "a process gives no sign of life and is killed"));
  });
}

test("a stopped child is killed and restarted; another that beats is left alone", async (t) => {
  const { supervisor, states } = await supervise(t);
  await Promise.all(
    ["etl", "http"].map((name) => supervisor.start({ name, arguments: () => ["url"] }, 10_000)),
  );
  const before = supervisor.processIds;
  process.kill(before["etl"] ?? 0, "SIGSTOP");
  await until(() => supervisor.restarts === 1 && states.problems.length === 0, {
    what: "a restart",
  });
  assert.equal(supervisor.processIds["http"], before["http"]);
  assert.notEqual(supervisor.processIds["etl"], before["etl"]);
});

test("each child gets the state of all processes", async (t) => {
  const { supervisor, logLines } = await supervise(t);
  await supervisor.start({ name: "http", arguments: () => ["url"] }, 10_000);
  await supervisor.start({ name: "etl", arguments: () => ["url"] }, 10_000);
  await until(
    async () =>
      (await logLines()).some(
        ({ type, processes }) =>
          type === "processes" && Array.isArray(processes) && processes.length === 2,
      ),
    { what: "the message" },
  );
});

test("a child whose work is done is not restarted, and is no longer one of them", async (t) => {
  const { supervisor, states, folder } = await supervise(t);
  const file = join(folder, "finishes.mjs");
  await writeFile(
    file,
    `console.log('{"ready":"one"}');
     setTimeout(() => process.send({ type: "finished" }, () => process.exit(0)), 200);`,
  );
  supervisor.keep(programSpec({ file, announces: ["one"] }));
  await until(() => supervisor.processIds["shop"] === undefined, { what: "the end of the child" });
  assert.equal(supervisor.restarts, 0);
  assert.deepEqual(states.reports, []);
});

test("another program is ready when it has said so for each name, sees none of Weir's environment, and is restarted", async (t) => {
  process.env["WEIR_TEST_SECRET"] = "of Weir";
  t.after(() => void delete process.env["WEIR_TEST_SECRET"]);
  const { supervisor, states, folder, logLines } = await supervise(t);
  const file = join(folder, "program.mjs");
  await writeFile(
    file,
    `setInterval(() => process.send({ type: "beat" }), 200);
     console.log(JSON.stringify({ secret: process.env.WEIR_TEST_SECRET ?? "none", mine: process.env.MINE }));
     console.log('{"ready":"one","url":"http://127.0.0.1:1"}');
     process.stdout.write('{"ready":"t');
     setTimeout(() => process.stdout.write('wo"}\\n'), 100);`,
  );
  supervisor.keep(programSpec({ file, announces: ["one", "two"] }));
  const problem = () => states.reports.find(({ name }) => name === "shop")?.problem;
  assert.equal(problem(), "shop is starting");
  await until(() => problem() === null, { what: "the program to be ready" });
  const first = supervisor.processIds["shop"] ?? 0;
  process.kill(first, "SIGKILL");
  await until(() => supervisor.processIds["shop"] !== first && problem() === null, {
    what: "the program to be ready again",
  });
  await until(
    async () => (await logLines()).some(({ secret, mine }) => secret === "none" && mine === "yes"),
    { what: "what the program saw of its environment" },
  );
  assert.deepEqual(
    (await logLines()).filter(({ secret }) => secret === "of Weir"),
    [],
  );
});

function programSpec(program: {
  readonly file: string;
  readonly announces: readonly string[];
}): ChildSpec {
  return {
    name: "shop",
    arguments: () => [],
    program: { ...program, environment: { MINE: "yes" } },
  };
}
