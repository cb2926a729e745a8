import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "../../../../testing/until.ts";
import { launchJob } from "./launch.ts";
import { createLineLogger } from "./log-lines.ts";

const launcher = fileURLToPath(new URL("./launch.ts", import.meta.url));

test("a job and what it has started end when the process that launched it is killed", async (t) => {
  const source = `
    const { launchJob } = await import(${JSON.stringify(launcher)});
    const onLine = (line) => console.log(line);
    await launchJob({ command: "/bin/sh", args: ["-c", "sleep 300 & echo $$ $!; wait"], environment: {}, onLine });`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => void parent.kill("SIGKILL"));
  const [line] = (await once(createInterface({ input: parent.stdout }), "line")) as [string];
  const pids = line.split(" ").map(Number);
  assert.ok(pids.every(isAlive));
  parent.kill("SIGKILL");
  await untilGone(pids);
});

test("what a job has started ends with it, and the end of its output is known", async () => {
  const lines: string[] = [];
  const job = await launchJob({
    command: "/bin/sh",
    args: ["-c", 'echo "$GREETING"; sleep 300 >/dev/null 2>&1 & echo $!; exit 7'],
    environment: { GREETING: "hello" },
    onLine: (line) => lines.push(line),
  });
  const { code, output } = await job.ended;
  assert.equal(code, 7);
  assert.deepEqual(output.split("\n"), lines);
  assert.equal(lines[0], "hello");
  await untilGone([Number(lines[1])]);
});

test("a program that does not exist is named", async () => {
  const launch = { command: "no-such-python", args: [], environment: {}, onLine: () => {} };
  await assert.rejects(launchJob(launch), /no-such-python: .*ENOENT/);
});

test("the job's own lines keep their level and fields; those of the JVM are details", () => {
  const lines: unknown[] = [];
  const take = (level: string) => (fields: object, message: string) =>
    void lines.push([level, fields, message]);
  const log = createLineLogger({
    ...{ debug: take("debug"), info: take("info"), warn: take("warn"), error: take("error") },
  });
  log('{"time":"now","level":"warn","msg":"Qdrant does not answer","attempt":2}');
  log("26/11/30 16:00:00 INFO SparkContext: Running Spark");
  assert.deepEqual(lines, [
    ["warn", { attempt: 2 }, "Qdrant does not answer"],
    ["debug", { line: "26/11/30 16:00:00 INFO SparkContext: Running Spark" }, "Spark"],
  ]);
});

async function untilGone(pids: readonly number[]): Promise<void> {
  await until(async () => (pids.some(isAlive) ? undefined : true), {
    ...{ what: "the end of the processes", timeoutMs: 20_000 },
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
