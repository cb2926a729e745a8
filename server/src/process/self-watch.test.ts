import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

const module = new URL("./self-watch.ts", import.meta.url).href;

async function run(code: string): Promise<{ readonly how: unknown; readonly errors: string }> {
  const text = `import { watchOwnEventLoop } from ${JSON.stringify(module)};
    const watch = watchOwnEventLoop(3_000);
    const until = performance.now() + 4_500;
    ${code}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", text], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 20_000,
    killSignal: "SIGABRT",
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    errors += part;
  });
  const [code_, signal] = await once(child, "close");
  return { how: signal ?? code_, errors };
}

test("a process whose event loop does not turn ends itself, one whose loop turns does not", async () => {
  const [frozen, busy, disposed] = await Promise.all([
    run("setTimeout(() => { for (;;); }, 1_000);"),
    run("const step = () => { if (performance.now() < until) setImmediate(step); }; step();"),
    run("watch[Symbol.dispose](); while (performance.now() < until);"),
  ]);
  assert.equal(frozen.how, "SIGKILL");
  assert.match(JSON.parse(frozen.errors).msg, /event loop .* does not turn/);
  assert.deepEqual(busy, { how: 0, errors: "" });
  assert.deepEqual(disposed, { how: 0, errors: "" });
});
