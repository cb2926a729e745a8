import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";

const module = new URL("./log-output.ts", import.meta.url).href;

/** Writes far more than a pipe holds, and reports over its channel that it is alive. */
const program = `
  const { openLogOutput } = await import(${JSON.stringify(module)});
  const output = openLogOutput({ part: "test" });
  for (let n = 0; n < 40_000; n++) output.write(JSON.stringify({ n, text: "x".repeat(80) }) + "\\n");
  setTimeout(() => process.send({ dropped: output.dropped }), 200);
  process.on("message", async () => {
    for (let n = 0; n < 3; n++) output.write(JSON.stringify({ last: n }) + "\\n");
    process.send({ ended: await output.end(300) });
    process.exit();
  });
`;

function start(t: TestContext): ChildProcess {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

async function message(child: ChildProcess): Promise<{ dropped: number; ended: boolean }> {
  const [content] = await Promise.race([
    once(child, "message"),
    once(child, "exit").then(() => assert.fail("it ended")),
  ]);
  return content;
}

test("a pipe that is not read neither blocks nor ends a process; lines are dropped and reported", async (t) => {
  const child = start(t);
  const { dropped } = await message(child);
  assert.ok(dropped > 10_000, `${dropped} dropped`);
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  child.send("continue");
  assert.deepEqual(await message(child), { ended: true });
  await once(child, "close");
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const numbers = lines.filter(({ n }) => n !== undefined).map(({ n }) => n);
  assert.deepEqual(
    numbers,
    Array.from({ length: 40_000 - dropped }, (_, n) => n),
  );
  assert.ok(
    lines.some(({ msg, lines: count }) => msg === "log lines were dropped" && count >= dropped),
  );
});

test("a process with an unread or a closed pipe still ends when it is asked to", async (t) => {
  for (const isClosed of [false, true]) {
    const child = start(t);
    if (isClosed) child.stdout?.destroy();
    await message(child);
    child.send("continue");
    assert.deepEqual(await message(child), { ended: false });
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
  }
});
