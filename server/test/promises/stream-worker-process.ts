/**
 * A worker of the stream in a process of its own, which kills itself at a step:
 * `node stream-worker-process.ts <url> [<when> <statement or "commit" or "embed"> [<nth>]] [--finish-late]`.
 * With `--finish-late` the page is finished behind its effects instead of with them: the mistake that the
 * promise forbids.
 */

import { coldStartModel, fitLsa } from "../../src/adapters/embeddings/embedders.ts";
import { openNotifications } from "../../src/adapters/postgres/notifications.ts";
import { openPool } from "../../src/adapters/postgres/pool.ts";
import { openEmbedderShelf } from "../../src/compose/embedders.ts";
import type { Database, Queryable, Statement } from "../../src/core/ports/database.ts";
import { createPageReader } from "../../src/parts/log/page-reader.ts";
import { createLogScan } from "../../src/parts/log/scan.ts";
import { collections } from "../../src/parts/models/collections.ts";
import { createModels } from "../../src/parts/models/models.ts";
import { createCorpus } from "../../src/parts/stream/fill/corpus.ts";
import { createPointSource } from "../../src/parts/stream/fill/point-source.ts";
import { createRefresh } from "../../src/parts/stream/points/refresh.ts";
import { createStream } from "../../src/parts/stream/stream.ts";
import { createTestProcessor } from "../helpers/stream-processor.ts";

const [url = "", when = "never", step = "", nth = "1"] = process.argv
  .slice(2)
  .filter((argument) => !argument.startsWith("--"));
const finishesLate = process.argv.includes("--finish-late");
const finishName = "log_finish";

let left = Number(nth);
function reach(moment: "before" | "after", name: string | undefined): void {
  if (moment !== when || name !== step) return;
  left--;
  if (left === 0) process.kill(process.pid, "SIGKILL");
}

const pool = openPool({
  url,
  applicationName: "test stream worker",
  max: 6,
  settings: { synchronous_commit: "off" },
});

interface Watch {
  /** The transaction finishes a page. */
  finishes: boolean;
  readonly later: Statement[];
}

function watched(connection: Queryable, watch: Watch | undefined): Queryable {
  return {
    async query<Row>(statement: Statement, options?: Parameters<Queryable["query"]>[1]) {
      reach("before", statement.name);
      if (watch !== undefined && statement.name === finishName) {
        watch.finishes = true;
        if (finishesLate) {
          watch.later.push(statement);
          return [{ id: statement.values?.[0] }] as Row[];
        }
      }
      const rows = await connection.query<Row>(statement, options);
      reach("after", statement.name);
      return rows;
    },
  };
}

const database: Database = {
  ...watched(pool, undefined),
  stream: (statement, options) => pool.stream(statement, options),
  async transaction(work, options) {
    const watch: Watch = { finishes: false, later: [] };
    const result = await pool.transaction(
      (connection) => work(watched(connection, watch)),
      options,
    );
    if (watch.finishes) reach("after", "commit");
    for (const statement of watch.later) await pool.query(statement);
    return result;
  },
};

const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
const notifications = openNotifications({ url, applicationName: "test stream worker listens" });
const shelf = openEmbedderShelf(database);
const onError = (error: unknown) => {
  if (!String(error).includes("no embedder is ready")) console.error(String(error));
};
const parts = [
  createStream({
    database,
    notifications,
    pages: createPageReader(database, "stream"),
    processor: createTestProcessor(database, shelf, async (texts, embed) => {
      if (texts.length > 0) reach("before", "embed");
      const vectors = await embed();
      if (texts.length > 0) reach("after", "embed");
      return vectors;
    }),
    owner: `test/${process.pid}`,
    workers: 2,
    pageEvents: 40,
    intervalMs: 10,
    patienceMs: 1_000,
    onError,
  }),
  createRefresh({ database, collections, intervalMs: 50, onError }),
  createModels({
    database,
    notifications,
    maker: {
      coldStart: async () => coldStartModel(new Date(0), 32),
      fit: (texts, signal) => fitLsa(texts, { dimension: 32, created: new Date(0), signal }),
    },
    corpus: createCorpus(database),
    source: createPointSource({
      database,
      log: createLogScan(database),
      collections,
      embedders: shelf,
      eventDays: 30,
    }),
    owner: `test/${process.pid}`,
    eventsCollection: false,
    onError,
  }),
];
await Promise.all(parts.map((part) => part.run(stop.signal)));
await notifications.close();
await shelf.close();
await pool.close();
