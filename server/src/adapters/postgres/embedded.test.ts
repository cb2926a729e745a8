import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createTestFolder } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded.ts";
import { openPool } from "./pool.ts";
import { serverProcesses } from "./server-process.ts";

const small = { shared_buffers: "16MB" };

/** A folder, and servers started in it that are stopped after the test. */
async function testCluster(t: TestContext) {
  const dataDir = await createTestFolder(t);
  const data = join(dataDir, "cluster/data");
  const start = async (): Promise<EmbeddedPostgres> => {
    const postgres = await startEmbeddedPostgres({ dataDir, durable: false, extra: small });
    t.after(() => postgres.stop());
    return postgres;
  };
  return { dataDir, data, start };
}

async function ask<Row>(postgres: EmbeddedPostgres, text: string): Promise<Row[]> {
  await using pool = openPool({ url: postgres.url, applicationName: "embedded test", max: 1 });
  return await pool.query<Row>({ text });
}

/** A supervisor in a process of its own, which can be killed. */
function otherSupervisor(t: TestContext, dataDir: string): ChildProcess {
  const code = `
    import { startEmbeddedPostgres } from ${JSON.stringify(new URL("./embedded.ts", import.meta.url).href)};
    const options = { dataDir: ${JSON.stringify(dataDir)}, durable: false, extra: ${JSON.stringify(small)} };
    const { pid } = await startEmbeddedPostgres(options);
    console.log(pid);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("no output");
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error("it ended without any output");
}

async function killed(child: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}

test("it starts, keeps its data across a stop, and leaves no process behind", async (t) => {
  const { start, data } = await testCluster(t);
  const first = await start();
  await ask(first, "create table kept as select 1 as one");
  await first.stop();
  await first.stop();
  assert.deepEqual(await first.exited, { expected: true });
  assert.deepEqual(await serverProcesses(data), []);
  const second = await start();
  assert.deepEqual(await ask(second, "select one from kept"), [{ one: 1 }]);
  assert.equal(second.takenOver, false);
});

test("it listens on no port, speaks UTC, sorts by code point, and has checksums", async (t) => {
  const { start } = await testCluster(t);
  const [row] = await ask(
    await start(),
    `select current_setting('listen_addresses') as addresses, current_setting('timezone') as zone,
            current_setting('data_checksums') as checksums, 'Z' < 'a' as sorts,
            upper('ışık') as upper_case, datlocale as locale,
            (select count(*)::int from pg_extension where extname = 'pg_stat_statements') as statements
     from pg_database where datname = 'weir'`,
  );
  assert.deepEqual(row, {
    addresses: "",
    zone: "UTC",
    checksums: "on",
    sorts: true,
    upper_case: "IŞIK",
    locale: "C.UTF-8",
    statements: 1,
  });
});

test("durability settings are on by default", async (t) => {
  const dataDir = await createTestFolder(t);
  const postgres = await startEmbeddedPostgres({ dataDir });
  t.after(() => postgres.stop());
  const rows = await ask<{ name: string; setting: string }>(
    postgres,
    `select name, setting from pg_settings
     where name in ('fsync', 'synchronous_commit', 'full_page_writes') order by name`,
  );
  assert.deepEqual(
    rows.map(({ name, setting }) => `${name} ${setting}`),
    ["fsync on", "full_page_writes on", "synchronous_commit on"],
  );
});

test("a second supervisor is refused with the reason, and disturbs nothing", async (t) => {
  const { start, dataDir } = await testCluster(t);
  const first = await start();
  await assert.rejects(
    startEmbeddedPostgres({ dataDir, durable: false }),
    new RegExp(`Another Weir is already running on this data folder \\(process ${process.pid}\\)`),
  );
  assert.deepEqual(await ask(first, "select 1 as one"), [{ one: 1 }]);
});

test("of two that start at once on an empty folder one wins and the other is refused", async (t) => {
  const { start } = await testCluster(t);
  const results = await Promise.allSettled([start(), start()]);
  const refused = results.find((result) => result.status === "rejected");
  assert.deepEqual(results.map((result) => result.status).sort(), ["fulfilled", "rejected"]);
  assert.match(String(refused?.reason), /Another Weir is already running on this data folder/);
});

test("after kill -9 of the server all commits are still there", async (t) => {
  const { start, data } = await testCluster(t);
  const first = await start();
  await ask(first, "create table kept as select 1 as one");
  process.kill(first.pid, "SIGKILL");
  assert.deepEqual(await first.exited, { expected: false });
  const second = await start();
  assert.deepEqual(await ask(second, "select one from kept"), [{ one: 1 }]);
  assert.ok((await serverProcesses(data)).includes(second.pid));
});

test("the server of a killed supervisor ends by itself, and the next start has its data", async (t) => {
  const { start, dataDir, data } = await testCluster(t);
  const other = otherSupervisor(t, dataDir);
  const pid = Number(await firstLine(other));
  await killed(other);
  await until(async () => (await serverProcesses(data)).length === 0, {
    what: "the server to end",
  });
  const postgres = await start();
  assert.notEqual(postgres.pid, pid);
  assert.deepEqual(await ask(postgres, "select 1 as one"), [{ one: 1 }]);
});

test("a stopped server of a killed supervisor ends too", async (t) => {
  const { dataDir, data } = await testCluster(t);
  const other = otherSupervisor(t, dataDir);
  process.kill(Number(await firstLine(other)), "SIGSTOP");
  await killed(other);
  await until(async () => (await serverProcesses(data)).length === 0, {
    what: "the server to end",
  });
});

test("a start right after the kill of the supervisor waits for the old server", async (t) => {
  const { start, dataDir } = await testCluster(t);
  const other = otherSupervisor(t, dataDir);
  await firstLine(other);
  await killed(other);
  assert.deepEqual(await ask(await start(), "select 1 as one"), [{ one: 1 }]);
});

test("a server whose supervisor and lifeline were killed is taken over", {
  skip: process.platform !== "linux",
}, async (t) => {
  const { start, dataDir, data } = await testCluster(t);
  const other = otherSupervisor(t, dataDir);
  const pid = Number(await firstLine(other));
  for (const lifeline of await lifelinesOf(data)) process.kill(lifeline, "SIGKILL");
  await killed(other);
  const postgres = await start();
  assert.equal(postgres.takenOver, true);
  assert.equal(postgres.pid, pid);
  await postgres.stop();
  assert.deepEqual(await postgres.exited, { expected: true });
  assert.deepEqual(await serverProcesses(data), []);
});

async function lifelinesOf(data: string): Promise<number[]> {
  const pids = (await readdir("/proc")).map(Number).filter(Number.isInteger);
  const found: number[] = [];
  for (const pid of pids) {
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (environment.split("\0").includes(`folder=${data}`)) found.push(pid);
  }
  assert.notDeepEqual(found, []);
  return found;
}

test("a start that is cancelled leaves no process, in each of its stages", async (t) => {
  const { dataDir, data } = await testCluster(t);
  for (const afterMs of [0, 100, 400, 800, 1_200, 1_600, 2_000]) {
    const stop = new AbortController();
    const started = startEmbeddedPostgres({
      ...{ dataDir, durable: false, extra: small },
      signal: stop.signal,
    });
    const timer = setTimeout(() => stop.abort(new Error("cancelled")), afterMs);
    await started.then(
      (postgres) => postgres.stop(),
      (error: Error) => assert.match(error.message, /cancelled/),
    );
    clearTimeout(timer);
    assert.deepEqual(await serverProcesses(data), []);
  }
});

test("it answers a connection attempt, not while it is stopped, and again when it is continued", {
  skip: process.platform !== "linux",
}, async (t) => {
  const { start } = await testCluster(t);
  const postgres = await start();
  assert.equal(await postgres.answers(30_000), true);
  assert.deepEqual(await postgres.stoppedProcesses(), []);
  process.kill(postgres.pid, "SIGSTOP");
  assert.equal(await postgres.answers(200), false);
  assert.deepEqual(await postgres.stoppedProcesses(), [postgres.pid]);
  await postgres.continue();
  assert.equal(await postgres.answers(30_000), true);
});

test("a stopped server can be stopped, and a hung one ended", async (t) => {
  const { start } = await testCluster(t);
  const first = await start();
  process.kill(first.pid, "SIGSTOP");
  await first.stop();
  assert.deepEqual(await first.exited, { expected: true });
  const second = await start();
  process.kill(second.pid, "SIGSTOP");
  await second.endHung();
  assert.deepEqual(await second.exited, { expected: false });
});

test("a server left running is taken over; if it dies after a takeover, that is noticed", async (t) => {
  const { start } = await testCluster(t);
  const first = await start();
  await first.leave();
  const second = await start();
  assert.equal(second.takenOver, true);
  process.kill(second.pid, "SIGKILL");
  assert.deepEqual(await second.exited, { expected: false });
});

test("a first start that is killed halfway does not break the next", async (t) => {
  const { start, dataDir } = await testCluster(t);
  const other = otherSupervisor(t, dataDir);
  const unfinished = async (): Promise<boolean> => {
    const found = await readdir(join(dataDir, "cluster")).catch(() => []);
    return found.some((name) => name.startsWith("data.new-"));
  };
  while (!(await unfinished())) await delay(5);
  await killed(other);
  const postgres = await start();
  assert.deepEqual(await ask(postgres, "select 1 as one"), [{ one: 1 }]);
  assert.equal(await unfinished(), false);
});

test("a pid file that names an unrelated running process, or a zombie, does not block", async (t) => {
  const { start, data } = await testCluster(t);
  for (const impostor of [process.pid, await zombie(t)]) {
    const postgres = await start();
    const pidFile = await readFile(join(data, "postmaster.pid"), "utf8");
    process.kill(postgres.pid, "SIGKILL");
    await postgres.exited;
    await writeFile(join(data, "postmaster.pid"), pidFile.replace(/^\d+/, String(impostor)));
    const next = await start();
    assert.deepEqual(await ask(next, "select 1 as one"), [{ one: 1 }]);
    await next.stop();
  }
});

/** A child that has ended and that its parent never waits for. */
async function zombie(t: TestContext): Promise<number> {
  const parent = spawn("sh", ["-c", "sleep 0.2 & echo $!; exec sleep 60"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => parent.kill("SIGKILL"));
  const pid = Number(await firstLine(parent));
  const state = async (): Promise<string> => {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2)[0] ?? "";
  };
  if (process.platform === "linux") while ((await state()) !== "Z") await delay(5);
  return pid;
}

test("a crashed backend resets all sessions, and supervision continues", async (t) => {
  const { start, dataDir } = await testCluster(t);
  const postgres = await start();
  const [row] = await ask<{ pid: number }>(
    postgres,
    "select pid from pg_stat_activity where backend_type = 'walwriter'",
  );
  process.kill(row?.pid ?? 0, "SIGKILL");
  const refused = async (): Promise<boolean> =>
    startEmbeddedPostgres({ dataDir, durable: false }).then(
      async (second) => {
        await second.leave();
        return false;
      },
      (error: Error) => /Another Weir/.test(error.message),
    );
  while (!(await refused())) await delay(50);
  assert.deepEqual(await ask(postgres, "select 1 as one"), [{ one: 1 }]);
});

test("data of another major version is refused before anything is touched", async (t) => {
  const { start, data } = await testCluster(t);
  await (await start()).stop();
  await writeFile(join(data, "PG_VERSION"), "17\n");
  await assert.rejects(start(), /written by PostgreSQL 17, and this is 18/);
});

test("a setting that PostgreSQL refuses is reported with PostgreSQL's own message", async (t) => {
  const dataDir = await createTestFolder(t);
  const started = startEmbeddedPostgres({ dataDir, durable: false, extra: { nonsense: "1" } });
  await assert.rejects(
    started,
    /did not start: .*unrecognized configuration parameter "nonsense"/s,
  );
});

test("a path that is too long for a socket gets its socket elsewhere", async (t) => {
  const dataDir = join(await createTestFolder(t), "a".repeat(100), "b".repeat(100));
  const postgres = await startEmbeddedPostgres({ dataDir, durable: false, extra: small });
  t.after(() => postgres.stop());
  assert.ok(postgres.socketFolder.length < 90);
  t.after(() => rm(postgres.socketFolder, { recursive: true, force: true }));
  assert.deepEqual(await ask(postgres, "select 1 as one"), [{ one: 1 }]);
});

test("root's data below a private folder is kept where PostgreSQL's user can reach it", {
  skip: process.getuid?.() !== 0,
}, async (t) => {
  const folder = await createTestFolder(t);
  const dataDir = join(folder, "private/state/postgres");
  const before = process.umask(0o077);
  const postgres = await startEmbeddedPostgres({
    dataDir,
    stateDir: join(folder, "private/state"),
    durable: false,
    extra: small,
  }).finally(() => process.umask(before));
  t.after(() => postgres.stop());
  const home = await realpath(join(dataDir, "cluster"));
  t.after(() => rm(home, { recursive: true, force: true }));
  assert.match(home, /^\/var\/lib\/weir\//);
  await postgres.stop();
  const again = await startEmbeddedPostgres({ dataDir, durable: false, extra: small });
  t.after(() => again.stop());
  assert.equal(await realpath(join(dataDir, "cluster")), home);
});
