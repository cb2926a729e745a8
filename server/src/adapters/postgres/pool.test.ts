import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createTestDatabase, startTestServer } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { DatabaseError } from "../../core/ports/database.ts";
import { openPool, type Pool, type PoolOptions } from "./pool.ts";

async function testPool(
  t: TestContext,
  options: Partial<PoolOptions> = {},
): Promise<{ pool: Pool; owner: Pool }> {
  const database = await createTestDatabase(t);
  const pool = openPool({ url: database.urls.owner, applicationName: "pool test", ...options });
  t.after(() => pool.close());
  return { pool, owner: database.owner };
}

function hasCode(code: string, retryable: boolean): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof DatabaseError, String(error));
    assert.deepEqual({ code: error.code, retryable: error.retryable }, { code, retryable });
    return true;
  };
}

test("each role gets rows from its own database", async (t) => {
  const database = await createTestDatabase(t);
  const who = { text: "select current_user as role, current_database() as name" };
  const { name } = database;
  assert.deepEqual(await database.owner.query(who), [{ role: "weir", name }]);
  assert.deepEqual(await database.app.query(who), [{ role: "weir_app", name }]);
  assert.deepEqual(await database.ingest.query(who), [{ role: "weir_ingest", name }]);
});

test("numbers that a double cannot hold, and times without a zone, come as strings", async (t) => {
  const { pool } = await testPool(t);
  const rows = await pool.query({
    text: `select 9007199254740993::int8 as big, 0.10::numeric as exact, date '2024-03-31' as day,
                  timestamp '2024-03-31 02:30' as local, timestamptz '2024-03-31T02:30:00.123Z' as at,
                  '{"a":1}'::json as json, '\\x00ff'::bytea as bytes`,
  });
  assert.deepEqual(rows, [
    {
      big: "9007199254740993",
      exact: "0.10",
      day: "2024-03-31",
      local: "2024-03-31 02:30:00",
      at: new Date("2024-03-31T02:30:00.123Z"),
      json: { a: 1 },
      bytes: Buffer.from([0, 255]),
    },
  ]);
});

test("a statement with a name is prepared once on its connection", async (t) => {
  const { pool } = await testPool(t, { max: 1 });
  for (const n of [1, 2, 3]) {
    await pool.query({ name: "twice", text: "select $1::int * 2 as twice", values: [n] });
  }
  const prepared = await pool.query<{ name: string; calls: string }>({
    text: "select name, generic_plans + custom_plans as calls from pg_prepared_statements",
  });
  assert.deepEqual(prepared, [{ name: "twice", calls: "3" }]);
});

test("a violated constraint is named and not retryable", async (t) => {
  const { pool } = await testPool(t);
  await pool.query({ text: "create table once (id int constraint only_once primary key)" });
  const insert = { text: "insert into once values ($1)", values: [1] };
  await pool.query(insert);
  await assert.rejects(pool.query(insert), (error) => {
    assert.equal((error as DatabaseError).constraint, "only_once");
    return hasCode("23505", false)(error);
  });
});

test("the server ends a statement at its limit, and a later one has the usual limit again", async (t) => {
  const { pool } = await testPool(t, { max: 1, statementTimeoutMs: 10_000 });
  const slow = { text: "select pg_sleep(5)" };
  await assert.rejects(pool.query(slow, { timeoutMs: 50 }), hasCode("57014", true));
  const [row] = await pool.query<{ limit: string }>({
    text: "select current_setting('statement_timeout') as limit",
  });
  assert.equal(row?.limit, "10s");
});

test("a frozen server does not block the caller: it gets an error and the connection is closed", async (t) => {
  const { pool, owner } = await testPool(t, { max: 1 });
  const [row] = await pool.query<{ pid: number }>({ text: "select pg_backend_pid() as pid" });
  const pid = row?.pid ?? 0;
  process.kill(pid, "SIGSTOP");
  t.after(() => process.kill(pid, "SIGCONT"));
  const started = performance.now();
  await assert.rejects(
    pool.query({ text: "select 1" }, { timeoutMs: 30_000, signal: AbortSignal.timeout(100) }),
    { name: "TimeoutError" },
  );
  assert.ok(performance.now() - started < 5_000);
  assert.deepEqual(await pool.query({ text: "select 2 as two" }), [{ two: 2 }]);
  assert.deepEqual(await owner.query({ text: "select 3 as three" }), [{ three: 3 }]);
});

test("without a signal a frozen server's connection is closed shortly after the statement's limit", async (t) => {
  const { pool } = await testPool(t, { max: 1, statementTimeoutMs: 200 });
  const [row] = await pool.query<{ pid: number }>({ text: "select pg_backend_pid() as pid" });
  const pid = row?.pid ?? 0;
  process.kill(pid, "SIGSTOP");
  t.after(() => process.kill(pid, "SIGCONT"));
  await assert.rejects(pool.query({ text: "select 1" }), hasCode("timeout", true));
  assert.deepEqual(await pool.query({ text: "select 2 as two" }), [{ two: 2 }]);
});

test("an aborted statement ends on the server too and its connection stays usable", async (t) => {
  const { pool, owner } = await testPool(t, { max: 1 });
  const [before] = await pool.query<{ pid: number }>({ text: "select pg_backend_pid() as pid" });
  const controller = new AbortController();
  const running = pool.query(
    { text: "select pg_sleep(20) as aborted_one" },
    { signal: controller.signal },
  );
  const active = {
    text: "select 1 from pg_stat_activity where pid = $1 and state = 'active' and query like '%aborted_one%'",
    values: [before?.pid],
  };
  while ((await owner.query(active)).length === 0);
  controller.abort(new Error("the client went away"));
  await assert.rejects(running, /the client went away/);
  assert.equal((await owner.query(active)).length, 0);
  const [after] = await pool.query<{ pid: number }>({ text: "select pg_backend_pid() as pid" });
  assert.equal(after?.pid, before?.pid);
});

test("a statement whose signal has already aborted is not sent", async (t) => {
  const seen: string[] = [];
  const { pool } = await testPool(t, { onQuery: (ended) => seen.push(ended.statement) });
  await assert.rejects(pool.query({ text: "select 1" }, { signal: AbortSignal.abort() }), {
    name: "AbortError",
  });
  assert.deepEqual(seen, []);
});

test("a connection that the server ends is replaced, and the error is retryable", async (t) => {
  const { pool } = await testPool(t, { max: 1 });
  const suicide = { text: "select pg_terminate_backend(pg_backend_pid())" };
  await assert.rejects(pool.query(suicide), hasCode("57P01", true));
  assert.deepEqual(await pool.query({ text: "select 1 as one" }), [{ one: 1 }]);
});

test("a broken idle connection ends neither the process nor the pool", async (t) => {
  const broken = Promise.withResolvers<Error>();
  const { pool, owner } = await testPool(t, { onIdleError: broken.resolve });
  const [row] = await pool.query<{ pid: number }>({ text: "select pg_backend_pid() as pid" });
  await owner.query({ text: "select pg_terminate_backend($1)", values: [row?.pid] });
  await broken.promise;
  assert.deepEqual(await pool.query({ text: "select 1 as one" }), [{ one: 1 }]);
});

test("a transaction is committed when its work resolves and rolled back when it rejects", async (t) => {
  const { pool } = await testPool(t);
  await pool.query({ text: "create table kept (id int)" });
  const answer = await pool.transaction(async (connection) => {
    await connection.query({ text: "insert into kept values (1)" });
    return "done";
  });
  assert.equal(answer, "done");
  await assert.rejects(
    pool.transaction(async (connection) => {
      await connection.query({ text: "insert into kept values (2)" });
      throw new Error("changed my mind");
    }),
    /changed my mind/,
  );
  assert.deepEqual(await pool.query({ text: "select id from kept" }), [{ id: 1 }]);
  assert.equal(pool.counts.idle, pool.counts.total);
});

test("a transaction whose failed statement was swallowed is not reported as committed", async (t) => {
  const { pool } = await testPool(t);
  await pool.query({ text: "create table kept (id int)" });
  const work = pool.transaction(async (connection) => {
    await connection.query({ text: "insert into kept values (1)" });
    await connection.query({ text: "select 1/0" }).catch(() => {});
  });
  await assert.rejects(work, hasCode("25P02", false));
  assert.deepEqual(await pool.query({ text: "select id from kept" }), []);
});

test("statements that are started at once in a transaction run one after the other", async (t) => {
  const { pool } = await testPool(t);
  const rows = await pool.transaction((connection) =>
    Promise.all(
      [1, 2, 3].map((n) => connection.query({ text: "select $1::int as n", values: [n] })),
    ),
  );
  assert.deepEqual(rows.flat(), [{ n: 1 }, { n: 2 }, { n: 3 }]);
});

test("isolation, read only and the time limit of a transaction reach the server", async (t) => {
  const { pool } = await testPool(t);
  const [row] = await pool.transaction(
    (connection) =>
      connection.query<Record<string, string>>({
        text: `select current_setting('transaction_isolation') as isolation,
                      current_setting('transaction_read_only') as read_only,
                      current_setting('transaction_timeout') as limit`,
      }),
    { isolation: "repeatable read", readOnly: true, timeoutMs: 1_500 },
  );
  assert.deepEqual(row, { isolation: "repeatable read", read_only: "on", limit: "1500ms" });
  await assert.rejects(
    pool.transaction((connection) => connection.query({ text: "select pg_sleep(5)" }), {
      timeoutMs: 50,
    }),
    hasCode("25P04", true),
  );
});

test("a stream returns all rows in chunks, accepts parameters, and releases its connection", async (t) => {
  const { pool } = await testPool(t, { max: 1 });
  const sizes: number[] = [];
  let sum = 0;
  for await (const rows of pool.stream<{ n: number }>(
    { text: "select n from generate_series(1, $1::int) n", values: [2_500] },
    { chunk: 1_000 },
  )) {
    sizes.push(rows.length);
    for (const { n } of rows) sum += n;
  }
  assert.deepEqual(sizes, [1_000, 1_000, 500]);
  assert.equal(sum, (2_500 * 2_501) / 2);
  for await (const _ of pool.stream({ text: "select generate_series(1, 1e9)" }, { chunk: 10 }))
    break;
  assert.deepEqual(await pool.query({ text: "select 1 as one" }), [{ one: 1 }]);
});

test("an aborted stream ends and releases its connection", async (t) => {
  const { pool } = await testPool(t, { max: 1 });
  const controller = new AbortController();
  const rows = pool.stream(
    { text: "select pg_sleep(0.001) from generate_series(1, 1000000)" },
    { chunk: 5, signal: controller.signal },
  );
  await assert.rejects(
    async () => {
      for await (const _ of rows) controller.abort();
    },
    { name: "AbortError" },
  );
  assert.deepEqual(await pool.query({ text: "select 1 as one" }), [{ one: 1 }]);
});

test("the observer is called for every statement, without its values", async (t) => {
  const seen: unknown[] = [];
  const { pool } = await testPool(t, {
    onQuery: ({ statement, rows, errorCode, milliseconds }) => {
      assert.ok(milliseconds >= 0);
      seen.push({ statement, rows, errorCode });
    },
  });
  await pool.query({ name: "some.rows", text: "select generate_series(1, $1::int)", values: [3] });
  await pool.query({ text: "select 1/0" }).catch(() => {});
  assert.deepEqual(seen, [
    { statement: "some.rows", rows: 3, errorCode: undefined },
    { statement: "select 1/0", rows: 0, errorCode: "22012" },
  ]);
});

test("settings apply to every session of the pool", async (t) => {
  const { pool } = await testPool(t, {
    settings: { enable_seqscan: "off", search_path: "raw, etl" },
  });
  const [row] = await pool.query({
    text: "select current_setting('enable_seqscan') as scan, current_setting('search_path') as path",
  });
  assert.deepEqual(row, { scan: "off", path: "raw, etl" });
});

test("the wait for a free connection is limited", async (t) => {
  const { pool } = await testPool(t, { max: 1, connectTimeoutMs: 100 });
  const busy = pool.query({ text: "select pg_sleep(1)" });
  await assert.rejects(pool.query({ text: "select 1" }), hasCode("connection", true));
  await busy;
});

test("a server that is down, or frozen while connecting, is a retryable error", async (t) => {
  const server = await startTestServer(t, { durable: false });
  const pool = openPool({
    url: server.urls.owner,
    applicationName: "down",
    connectTimeoutMs: 1_000,
  });
  t.after(() => pool.close());
  const { pid } = server;
  process.kill(pid, "SIGSTOP");
  await assert.rejects(pool.query({ text: "select 1" }), hasCode("connection", true));
  process.kill(pid, "SIGCONT");
  await pool.query({ text: "select 1" });
  await server.kill9();
  // The open session notices only a moment later that its server is gone, and may answer once more.
  const error = await until(
    () =>
      pool.query({ text: "select 1" }).then(
        () => undefined,
        (problem: unknown) => problem as DatabaseError,
      ),
    { what: "a query to fail" },
  );
  assert.equal(error.retryable, true);
  await server.restart();
  assert.deepEqual(await pool.query({ text: "select 1 as one" }), [{ one: 1 }]);
});
