import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { openProcessLog } from "./process-log.ts";
import { type ChildSpec, Supervisor } from "./supervisor.ts";

/** A program that reports that it is ready at the URL it was given, or fails with a message. */
const program = `
  const [url] = process.argv.slice(2);
  if (url === undefined) {
    console.error("weir: the reason\\n      and what helps");
    process.exitCode = 1;
    process.disconnect();
  } else process.send({ type: "ready", url });
`;

async function supervise(t: TestContext, folder?: string): Promise<Supervisor> {
  folder ??= await createTestFolder(t);
  const main = join(folder, "main.mjs");
  await writeFile(main, program);
  const log = openProcessLog(join(folder, "logs"), { maxBytes: 1e6, files: 2 });
  const supervisor = new Supervisor({ main, environment: {}, log });
  t.after(async () => {
    await supervisor.stop();
    await log.close();
  });
  return supervisor;
}

test("a child that ends at its start is reported with the end of its error output", async (t) => {
  const supervisor = await supervise(t);
  await assert.rejects(supervisor.start({ name: "http", arguments: () => [] }, 10_000), {
    message:
      "http ended at start (exit code 1)\n      weir: the reason\n            and what helps",
  });
});

test("a child that ends later is restarted, gets its previous URL, and the log says so", async (t) => {
  const folder = await createTestFolder(t);
  const supervisor = await supervise(t, folder);
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
  await until(() => given.length === 2, { what: "the second start" });
  assert.deepEqual(given, [undefined, "http://127.0.0.1:1234"]);
  assert.equal(supervisor.restarts, 1);
  const log = join(folder, "logs", "weir.log");
  const line = await until(async () => (await readFile(log, "utf8")).split("\n")[0] || undefined, {
    what: "the line in the log",
  });
  const { process: name, exit, restarts, part } = JSON.parse(line);
  assert.deepEqual([part, name, exit, restarts], ["supervisor", "http", "SIGKILL", 1]);
});
