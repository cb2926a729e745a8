import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { until } from "../../../../testing/until.ts";
import { createTestStream } from "../../../test/helpers/stream.ts";
import { createTestProcessor } from "../../../test/helpers/stream-processor.ts";
import { createPageReader } from "../log/page-reader.ts";
import { StreamWorker } from "./worker.ts";

test("a worker that was frozen while its page was taken over cannot finish it, and leaves no trace", async (t) => {
  const database = await createTestDatabase(t);
  const { app } = database;
  await database.owner.query({ text: "select raw.prepare_days(1)" });
  await database.owner.query({
    text: "insert into etl.event_type_actions values ('product.view', 1)",
  });
  const stream = createTestStream(t, database);
  stream.start();
  await stream.settled();
  await stream.stop();

  const stopping = new AbortController();
  t.after(() => stopping.abort());
  const pages = createPageReader(app, "stream");
  const frozen = Promise.withResolvers<void>();
  const thaw = Promise.withResolvers<void>();
  const finished: string[] = [];
  const refused: string[] = [];
  const common = {
    database: app,
    notifications: stream.notifications,
    pageEvents: 100,
    intervalMs: 5,
    patienceMs: 400,
    onProblem: () => {},
  };
  const sleeper = new StreamWorker({
    ...common,
    owner: "sleeper",
    pages: {
      ...pages,
      // a frozen process gives no sign of life
      keep: async () => true,
      async finish(connection, page) {
        const isMine = await pages.finish(connection, page);
        if (!isMine) refused.push(page.id);
        return isMine;
      },
    },
    processor: createTestProcessor(app, stream.shelf, async (_texts, embed) => {
      frozen.resolve();
      await thaw.promise;
      return embed();
    }),
    onPage: () => finished.push("sleeper"),
  });
  const running = [sleeper.run(stopping.signal)];
  await stream.send(
    Array.from({ length: 7 }, (_, n) => ({
      event_id: `e${n}`,
      event_type: "product.view",
      user_id: "u1",
      product: { id: "mug-red", name: "Red mug" },
    })),
  );
  await frozen.promise;
  const successor = new StreamWorker({
    ...common,
    owner: "successor",
    pages,
    processor: stream.processor,
    onPage: () => finished.push("successor"),
  });
  running.push(successor.run(stopping.signal));
  await until(() => finished.length === 1, { what: "the page to be taken over and finished" });
  thaw.resolve();
  await until(() => refused.length === 1, { what: "the frozen worker to be refused" });
  stopping.abort();
  await Promise.all(running);

  assert.deepEqual(finished, ["successor"]);
  const [counted] = await app.query<{ counts: unknown; events: string }>({
    text: "select (select counts from stream.products) as counts, (select events from stream.users) as events",
  });
  assert.deepEqual(counted, { counts: { "product.view": 7 }, events: "7" });
});
