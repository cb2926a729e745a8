/**
 * What a sender, a reader, an operator and the log see while PostgreSQL is stopped, killed or frozen: the table
 * "While PostgreSQL is down" of docs/guides/operate.md. (A full disk: disk-full.test.ts.)
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createTestFolder, startTestServer, type TestServer } from "../../../testing/database.ts";
import { assertWithin } from "../../../testing/too-late.ts";
import { until } from "../../../testing/until.ts";
import { freezeServer } from "../helpers/frozen-server.ts";
import { buildWith } from "../helpers/mutated-build.ts";
import { runCommand } from "../helpers/weir.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
/** Longer than keys are trusted without the database (10 s). */
const longOutageMs = 11_000;

interface Line {
  readonly level: string;
  readonly msg: string;
}

interface Serving {
  readonly url: string;
  readonly key: string;
  /** What the process logged so far. */
  lines(): readonly Line[];
  request(path: string, body?: unknown): Promise<Answer>;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly ms: number;
}

async function serve(t: TestContext, database: TestServer, file = main): Promise<Serving> {
  const dataDir = await createTestFolder(t);
  const environment = { WEIR_DATABASE_URL: database.urls.owner, WEIR_DATA_DIR: dataDir };
  const run = async (...parameters: string[]) => {
    const { exitCode, stdout, output } = await runCommand([...parameters, "--json"], environment);
    assert.equal(exitCode, 0, output);
    return stdout;
  };
  await run("migrate");
  await database.owner.query({
    text: "insert into auth.roles (name, permissions) values ('tester', '{*.*.*}') on conflict do nothing",
  });
  await run("services", "create", "test", "--role", "tester");
  const { secret_key: key } = JSON.parse(await run("keys", "create", "test")) as {
    secret_key: string;
  };
  const child: ChildProcess = spawn(
    process.execPath,
    [file, "serve", "--parts", "http,etl", "--port", "0"],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } },
  );
  const exited = new Promise((resolve) => child.once("exit", resolve));
  t.after(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk;
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    text += chunk;
  });
  const url = await until(() => /"listen":"(http[^"]+)"/.exec(text)?.[1], {
    what: () => `the server to listen:\n${text}`,
  });
  return {
    url,
    key,
    lines: () =>
      text
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Line),
    async request(path, body) {
      const started = performance.now();
      const response = await fetch(`${url}${path}`, {
        signal: AbortSignal.timeout(20_000),
        headers: { "x-api-key": key, "content-type": "application/json" },
        ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
      });
      const answer = await response.text();
      const { status, headers } = response;
      return { status, headers, text: answer, ms: performance.now() - started };
    },
  };
}

const metric = (text: string, name: string) =>
  Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, "m").exec(text)?.[1]);

/** Sends until the database is noticed to be down, and checks what everybody sees. */
async function observeOutage(weir: Serving, timeoutMs?: number): Promise<void> {
  const refused = await until(
    async () => {
      const answer = await weir.request("/api/events/", { event_type: "page.view" });
      return answer.status === 503 && answer.text.includes("unavailable_since") && answer;
    },
    { what: "an event to be refused", ...(timeoutMs === undefined ? {} : { timeoutMs }) },
  );
  assert.equal(refused.headers.get("retry-after"), "1");
  assertWithin(refused.ms, 3_000, "the answer to a sender");
  const problem = JSON.parse(refused.text);
  assert.equal(problem.code, "unavailable");
  assert.match(problem.detail, /database since \d\d:\d\d:\d\d UTC/);

  const read = await weir.request("/api/meta");
  assert.equal(read.status, 503);
  assert.ok(Date.parse(JSON.parse(read.text).unavailable_since) <= Date.now());

  assert.equal((await weir.request("/health/ready")).status, 503);
  assert.equal((await weir.request("/health/live")).status, 200);

  const metrics = await weir.request("/metrics");
  assert.equal(metrics.status, 200);
  assert.equal(metric(metrics.text, "weir_database_up"), 0);
  assert.ok(metric(metrics.text, "weir_database_unavailable_since_seconds") > 1e9);
}

async function observeRecovery(weir: Serving, before: number): Promise<void> {
  await until(
    async () =>
      (await weir.request("/api/events/", { event_type: "page.view" })).status === 202 || undefined,
    { what: "events to be accepted again" },
  );
  await until(
    async () => {
      const { text } = await weir.request("/metrics");
      return metric(text, "weir_database_up") === 1 || undefined;
    },
    { what: "the metrics to say so" },
  );
  const said = weir.lines().slice(before);
  const messages = said.map(({ msg }) => msg);
  const count = (message: string) => messages.filter((one) => one === message).length;
  assert.equal(count("PostgreSQL does not answer"), 1, messages.join("\n"));
  assert.equal(count("PostgreSQL answers again"), 1, messages.join("\n"));
  const loud = said.filter(({ level }) => level === "error" || level === "warn");
  assert.ok(loud.length <= 8, `the log is not flooded:\n${JSON.stringify(loud, null, 1)}`);
}

test("while PostgreSQL is stopped, killed or frozen, everyone learns it, once, and all recovers", async (t) => {
  const database = await startTestServer(t);
  const weir = await serve(t, database);
  assert.equal((await weir.request("/api/events/", { event_type: "page.view" })).status, 202);

  await t.test("stopped", async () => {
    const before = weir.lines().length;
    await database.stop();
    const stoppedAt = performance.now();
    await observeOutage(weir);
    await until(() => performance.now() - stoppedAt > longOutageMs || undefined, {
      what: "keys to be older than they may be for anything else",
      timeoutMs: longOutageMs + 5_000,
    });
    await observeOutage(weir);
    assert.equal((await weir.request("/openapi.json")).status, 200, "files need no database");
    await database.restart();
    await observeRecovery(weir, before);
  });

  await t.test("killed", async () => {
    const before = weir.lines().length;
    await database.kill9();
    await observeOutage(weir);
    await database.restart();
    await observeRecovery(weir, before);
  });

  await t.test("frozen", async () => {
    const before = weir.lines().length;
    const thaw = freezeServer(t, database.pid);
    await observeOutage(weir);
    thaw();
    await observeRecovery(weir, before);
  });

  const [row] = await database.owner.query<{ n: string }>({
    text: "select count(*) as n from raw.events",
  });
  assert.ok(Number(row?.n) >= 4, "what was accepted is there");
});

test("control: without the watch over the pools, nothing says what is down", async (t) => {
  const database = await startTestServer(t);
  const build = await buildWith(t, [
    { in: "process/databases.ts", from: "          outage,\n", to: "" },
  ]);
  const weir = await serve(t, database, build);
  await database.stop();
  await until(
    async () =>
      (await weir.request("/api/events/", { event_type: "page.view" })).status === 503 || undefined,
    { what: "an event to be refused" },
  );
  await assert.rejects(observeOutage(weir, 20_000));
});
