import assert from "node:assert/strict";
import { after, test } from "node:test";
import type {
  Breakdown,
  ErrorCode,
  Funnel,
  Overview,
  Retention,
  Series,
  Sessions,
} from "@weir/protocol";
import { parse } from "csv-parse/sync";
import { createTestDatabase } from "../../../../testing/database.ts";
import { clientOf, refusal, textOf } from "../../../../testing/query-client.ts";
import { until } from "../../../../testing/until.ts";
import { foldEvents, makeHistory, now, writeEvents } from "../../../test/oracle/history.ts";
import { requestRerun } from "../etl/reruns.ts";
import type { QueryDeps } from "./context.ts";
import { queryRoutes } from "./routes.ts";

const database = await createTestDatabase({ after });
await writeEvents(database, makeHistory(300, 2));
await foldEvents(database);
const deps: QueryDeps = {
  database: database.app,
  requestRerun: (rerun) => requestRerun(database.app, rerun),
  now: () => now,
  version: "1.2.3",
  environment: "test",
  retentionDays: 90,
  timeoutMs: 5_000,
  freeFormTimeoutMs: 30_000,
  concurrency: 4,
};
const client = clientOf(queryRoutes(deps));
const range = "from=2026-11-01&to=2026-11-08";

test("invalid parameters are refused with their name and how to fix them", async () => {
  for (const [address, about, code = "invalid_query"] of [
    ["overview?from=2026-11-08&to=2026-11-01", /from.*before/, "unanswerable_query"],
    ["overview?from=2026-11-01T10:00:30Z", /from.*whole minute/],
    ["overview?from=2024-01-01&to=2026-11-01", /from.*400 days/, "unanswerable_query"],
    ["overview?form=2026-11-01", /form.*\n?.*did you mean "from"/s],
    ["overview?time_zone=%2B03:00", /time_zone.*IANA/],
    ["overview?from=2026-11-01&from=2026-11-02", /from/],
    [`series?${range}&metric=visits`, /metric.*events, users/],
    [`series?${range}&granularity=minute`, /granularity.*1500 points/, "unanswerable_query"],
    [
      `series?${range}&metric=users&source=web`,
      /source.*cannot be filtered by source/,
      "unanswerable_query",
    ],
    [
      `series?${range}&metric=revenue&event_type=purchase`,
      /event_type.*cannot be filtered by event type/,
      "unanswerable_query",
    ],
    [`series?${range}&metric=views&currency=TRY`, /currency.*revenue/, "unanswerable_query"],
    [`series?${range}&compare=always`, /compare/],
    [`breakdown?${range}`, /by.*required/],
    [`breakdown?${range}&by=sourse`, /by.*did you mean "source"/],
    [`breakdown?${range}&by=properties.`, /by.*path/],
    [`breakdown?${range}&by=password.hash`, /by.*path/],
    [`breakdown?${range}&by=source&limit=1001`, /limit/],
    [`products?${range}&sort=name`, /sort.*revenue/],
    [`products?${range}&sort=views&currency=TRY`, /currency.*sort=revenue/, "unanswerable_query"],
    [`products?${range}&limit=0`, /limit/],
    [`revenue?${range}&currency=TRY`, /currency/],
    [`revenue?${range}&format=xml`, /format.*json, csv/],
    ["revenue?from=1999-01-01&to=1999-02-01", /2000/],
    [`funnel?${range}&steps=one`, /steps.*2 to 8/],
    [`funnel?${range}&steps=a,,b`, /steps/],
    [`funnel?${range}&within=forever`, /within.*24h/],
    [`funnel?${range}&within=31d`, /within.*30 days/],
    [`retention?${range}&period=month`, /period.*day, week/],
    ["retention?from=2026-01-01&to=2026-11-01&period=day", /period.*62/, "unanswerable_query"],
    [`retention?${range}&limit=5`, /limit/],
    [`sessions?${range}&cursor=abc`, /cursor.*next_cursor/, "unanswerable_query"],
    [`sessions?${range}&user_i=1`, /user_i.*\n?.*did you mean "user_id"/s],
    [`sessions?${range}&limit=many`, /limit/],
  ] satisfies readonly (readonly [string, RegExp, ErrorCode?])[]) {
    await assert.rejects(client.get(`/api/analytics/${address}`), refusal(code, about), address);
  }
});

test("the default range is the last day up to the current minute", async () => {
  const answer = await client.get<Overview>("/api/analytics/overview");
  assert.deepEqual(answer.range, {
    from: "2026-11-08T12:01:00.000Z",
    to: "2026-11-09T12:01:00.000Z",
    time_zone: "UTC",
  });
});

test("names that were never seen give zeros, not errors", async () => {
  const empty = "from=2025-11-01&to=2025-11-03";
  const overview = await client.get<Overview>(`/api/analytics/overview?${empty}`);
  assert.equal(overview.current.events, 0);
  assert.equal(overview.current.conversion, null);
  assert.deepEqual(overview.current.revenue, []);
  const series = await client.get<Series>(
    `/api/analytics/series?${empty}&metric=revenue&granularity=day`,
  );
  assert.deepEqual(
    series.points.map(({ value }) => value),
    ["0", "0"],
  );
  assert.equal(series.currency, null);
  for (const by of ["source", "event_type", "user", "properties.x"]) {
    const { rows, other } = await client.get<Breakdown>(
      `/api/analytics/breakdown?${empty}&by=${by}`,
    );
    assert.deepEqual([rows, other], [[], 0]);
  }
  for (const steps of ["", "&steps=no,such"]) {
    const funnel = await client.get<Funnel>(`/api/analytics/funnel?${empty}${steps}`);
    assert.ok(funnel.steps.every(({ users, from_first }) => users === 0 && from_first === null));
  }
  const retention = await client.get<Retention>(`/api/analytics/retention?${empty}`);
  assert.deepEqual(
    retention.cohorts.map(({ users, returning }) => [users, returning]),
    [[0, [0]]],
  );
  const sessions = await client.get<Sessions>(`/api/analytics/sessions?${empty}&user_id=none`);
  assert.deepEqual(sessions.summary, {
    sessions: 0,
    average_duration_s: null,
    average_events: null,
  });
});

test("every answer with rows is also available as a file", async () => {
  for (const [address, columns] of [
    [`overview?${range}`, "metric,currency,current,previous"],
    [
      `series?${range}&granularity=day&compare=previous`,
      "start,value,previous_start,previous_value",
    ],
    [`breakdown?${range}&by=properties.plan`, "properties.plan,events,previous,share"],
    [`products?${range}&sort=views`, "product_id,name,category,views,carts,purchases,"],
    [`revenue?${range}`, "currency,revenue,orders,"],
    [`funnel?${range}`, "name,users,from_previous,from_first"],
    [`retention?${range}&period=day`, "start,users,day_0,day_1,"],
    [`sessions?${range}`, "user_id,start,end,duration_s,events,purchases"],
  ] as const) {
    const reply = await client.reply(`/api/analytics/${address}&format=csv`);
    assert.match(reply.headers?.["content-type"] ?? "", /^text\/csv/);
    assert.match(reply.headers?.["content-disposition"] ?? "", /attachment; filename="weir-/);
    const text = await textOf(reply);
    assert.ok(text.startsWith(columns), text.slice(0, 100));
    const rows = parse(text, { columns: true, record_delimiter: "\r\n" });
    assert.ok(rows.length > 0, address);
    assert.ok(!/(^|,|\n)"?[=@]/.test(text), "a formula was let through");
  }
});

/** Keeps a lock on a table that every question reads, so that questions hang. */
async function blockWindows(): Promise<() => Promise<void>> {
  const held = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const blocker = database.owner.transaction(async (connection) => {
    await connection.query({
      text: "lock table analytics.window_counts, analytics.facts in access exclusive mode",
    });
    locked.resolve();
    await held.promise;
  });
  await locked.promise;
  return async () => {
    held.resolve();
    await blocker;
  };
}

const waiting = async () => {
  const [row] = await database.owner.query<{ count: string }>({
    text: `select count(*) from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`,
  });
  return Number(row?.count);
};

test("a query that takes too long ends with query_timeout, and the next one is answered", async () => {
  const hasty = clientOf(queryRoutes({ ...deps, timeoutMs: 150, freeFormTimeoutMs: 150 }));
  const release = await blockWindows();
  try {
    for (const address of [`breakdown?${range}&by=source`, `funnel?${range}&steps=a,b`]) {
      await assert.rejects(
        hasty.get(`/api/analytics/${address}`),
        refusal("query_timeout", /longer than 0.15 s/),
      );
    }
  } finally {
    await release();
  }
  await hasty.get(`/api/analytics/breakdown?${range}&by=source`);
});

test("when the client disconnects, its statement is cancelled on the server", async () => {
  const release = await blockWindows();
  try {
    const gone = new AbortController();
    const pending = client.get(`/api/analytics/funnel?${range}&steps=a,b`, gone.signal);
    await until(async () => (await waiting()) === 1, { what: "the statement to wait" });
    gone.abort(new Error("the client disconnected"));
    await assert.rejects(pending, /disconnected/);
    await until(async () => (await waiting()) === 0, { what: "the statement to be cancelled" });
  } finally {
    await release();
  }
});

test("excess queries are refused and do not pile up; free-form ones cannot starve the others", async () => {
  const narrow = clientOf(queryRoutes({ ...deps, concurrency: 2, timeoutMs: 60_000 }));
  const release = await blockWindows();
  const answers: Promise<unknown>[] = [];
  try {
    const ask = (address: string) => {
      const answer = narrow.get(`/api/analytics/${address}`).then(
        () => "answered",
        (error: { code?: string }) => error.code,
      );
      answers.push(answer);
      return answer;
    };
    for (let index = 0; index < 5; index++) void ask(`funnel?${range}&steps=a,b`);
    assert.equal(await ask(`funnel?${range}&steps=a,b`), "overloaded");
    await until(async () => (await waiting()) === 1, { what: "one statement alone to wait" });
    // Windows of other tables are answered beside the one that hangs.
    assert.equal(await ask(`series?${range}&metric=sessions&granularity=day`), "answered");
  } finally {
    await release();
  }
  const outcomes = await Promise.all(answers);
  assert.equal(outcomes.filter((outcome) => outcome === "answered").length, 6);
});
