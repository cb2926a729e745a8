import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Series } from "@weir/protocol";
import { createTestDatabase } from "../../../../../testing/database.ts";
import { clientOf } from "../../../../../testing/query-client.ts";
import {
  foldEvents,
  makeHistory,
  now,
  type OracleEvent,
  writeEvents,
} from "../../../../test/oracle/history.ts";
import { localBuckets, within } from "../../../../test/oracle/numbers.ts";
import { requestRerun } from "../../etl/reruns.ts";
import { queryRoutes } from "../routes.ts";

test("users of local days are cached only until an event is added to them", async () => {
  const database = await createTestDatabase({ after });
  const events = makeHistory(1_200, 31);
  const inside = (event: OracleEvent) =>
    event.at > Date.UTC(2026, 9, 26) && event.at < Date.UTC(2026, 10, 7);
  const late = events.findIndex((event, index) => index > 500 && inside(event));
  const arrives = [events.slice(0, late), events.slice(late, late + 1), events.slice(late + 1)];
  let statements = 0;
  const counting: typeof database.app = {
    ...database.app,
    transaction: (work, options) =>
      database.app.transaction(
        (connection) =>
          work({
            query: (statement, wanted) => {
              if (statement.text.includes("analytics.user_hours")) statements++;
              return connection.query(statement, wanted);
            },
          }),
        options,
      ),
  };
  const client = clientOf(
    queryRoutes({
      database: counting,
      requestRerun: (rerun) => requestRerun(database.app, rerun),
      now: () => now,
      version: "1.2.3",
      environment: "test",
      retentionDays: 90,
      timeoutMs: 5_000,
      freeFormTimeoutMs: 30_000,
      concurrency: 4,
    }),
  );
  let written = 0;
  for (const batch of arrives) {
    await writeEvents(database, batch);
    await foldEvents(database);
    written += batch.length;
    for (const look of ["first", "second"]) {
      statements = 0;
      const { points, range } = await client.get<Series>(
        "/api/analytics/series?from=2026-10-25&to=2026-11-08&time_zone=Asia/Kolkata&granularity=day&metric=users",
      );
      const days = localBuckets(
        { from: Date.parse(range.from), to: Date.parse(range.to) },
        "Asia/Kolkata",
        "day",
      );
      assert.deepEqual(
        points.map(({ value }) => Number(value)),
        days.map(
          (day) =>
            new Set(within(events.slice(0, written), day).flatMap(({ user }) => user ?? [])).size,
        ),
      );
      assert.equal(statements, look === "first" ? 1 : 0, `${look} look at ${written} events`);
    }
  }
});
