/**
 * The API document is the truth: schemathesis sends what it allows and what it forbids, follows its
 * links, and compares every answer with it. WEIR_TEST_SCHEMATHESIS_SECONDS (default 60) is the time of
 * all its runs together, WEIR_TEST_SEED its seed.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { type RunningWeir, startWeir } from "../helpers/weir.ts";
import { needPythonModule, python } from "../parity/python.ts";

const seconds = Number(process.env["WEIR_TEST_SCHEMATHESIS_SECONDS"] ?? 60);
const seed = process.env["WEIR_TEST_SEED"] ?? "20240115";
const folder = join(import.meta.dirname, "schemathesis");

test("the API document is valid OpenAPI 3.1", async (t) => {
  await needPythonModule("openapi_spec_validator");
  const document = join(import.meta.dirname, "../../openapi.json");
  const { code, output } = await runProgram("openapi-spec-validator", [
    "--schema",
    "3.1",
    document,
  ]);
  assert.equal(code, 0, output);
  t.diagnostic(output.trim());
});

test("schemathesis finds nothing: an administrator's key, every operation, with links", async (t) => {
  await needPythonModule("schemathesis");
  const weir = await startWeir(t);
  await check(t, weir, { key: weir.adminKey, seconds: seconds * 0.7 });
});

test("schemathesis finds nothing: a sender's key, which may do little", async (t) => {
  await needPythonModule("schemathesis");
  const weir = await startWeir(t);
  const key = await createLimitedKey(weir);
  await check(t, weir, { key, seconds: seconds * 0.3 });
});

async function check(
  t: TestContext,
  weir: RunningWeir,
  run: { readonly key: string; readonly seconds: number },
): Promise<void> {
  const { code, output } = await runProgram("schemathesis", [
    ...["--config-file", join(folder, "schemathesis.toml")],
    ...["run", `${weir.run.url}/openapi.json`, "--no-color", "--continue-on-failure"],
    ...["-H", `X-API-Key: ${run.key}`],
    ...["--checks", "all", "--mode", "all", "--phases", "examples,coverage,fuzzing,stateful"],
    ...["--seed", seed, "--generation-database", "none"],
    ...["--max-time", String(Math.round(run.seconds)), "--workers", "1"],
    // with two, hypothesis meets a fault of Python 3.11's ast module, which threads share
    ...["--suppress-health-check", "all", "--request-timeout", "30"],
  ]);
  t.diagnostic(output.split("\n").slice(-25).join("\n"));
  assert.equal(code, 0, output);
}

async function createLimitedKey(weir: RunningWeir): Promise<string> {
  const post = async (path: string, body: object) => {
    const response = await fetch(weir.run.url + path, {
      method: "POST",
      headers: { "x-api-key": weir.adminKey, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.equal(response.status, 201);
    return (await response.json()) as { readonly secret_key?: string };
  };
  await post("/api/services", { name: "limited", role: "service" });
  const { secret_key: key } = await post("/api/keys", { service: "limited" });
  return key ?? "";
}

/** A program that pip installed beside the Python of the tests. */
function runProgram(
  name: string,
  parameters: readonly string[],
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const program = join(dirname(python), name);
    const child = spawn(program, parameters, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const take = (chunk: Buffer) => {
      output += chunk;
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}
