/** For tests of the stream: it and the parts beside it on a real database, a sender, and their reports. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { CleanUp, TestDatabase } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { coldStartModel } from "../../src/adapters/embeddings/embedders.ts";
import { openNotifications } from "../../src/adapters/postgres/notifications.ts";
import { openEmbedderShelf } from "../../src/compose/embedders.ts";
import type { Database, Notifications } from "../../src/core/ports/database.ts";
import { EmbeddingError } from "../../src/core/ports/embedder.ts";
import type { Part } from "../../src/core/ports/part.ts";
import { createPageReader } from "../../src/parts/log/page-reader.ts";
import { createLogScan } from "../../src/parts/log/scan.ts";
import type { ModelEvent } from "../../src/parts/models/build.ts";
import { collections } from "../../src/parts/models/collections.ts";
import type { EmbedderShelf } from "../../src/parts/models/embedder-shelf.ts";
import { createModels } from "../../src/parts/models/models.ts";
import { createCorpus } from "../../src/parts/stream/fill/corpus.ts";
import { createPointSource } from "../../src/parts/stream/fill/point-source.ts";
import { createRefresh } from "../../src/parts/stream/points/refresh.ts";
import { createStream } from "../../src/parts/stream/stream.ts";
import type { PageReport } from "../../src/parts/stream/worker.ts";
import type { Processor } from "../../src/parts/stream/write/processor.ts";
import { createTestIngest, type TestIngest } from "./ingest.ts";
import { createTestProcessor } from "./stream-processor.ts";

export interface TestStream {
  readonly database: TestDatabase;
  readonly notifications: Notifications;
  readonly shelf: EmbedderShelf;
  readonly processor: Processor;
  readonly pages: PageReport[];
  readonly models: ModelEvent[];
  /** Texts that were given to an embedder. */
  readonly asked: string[];
  readonly errors: unknown[];
  start(options?: StartOptions): void;
  stop(): Promise<void>;
  /** As the service with this id; default 1. */
  send(events: readonly object[], serviceId?: number): Promise<void>;
  /** Waits until the log is read to its end, and the started parts have nothing left to do. */
  settled(): Promise<void>;
}

export interface TestStreamOptions {
  /** Texts that the embedder refuses. */
  readonly refuse?: (text: string) => boolean;
  /** Wraps the database of the stream and its processor. */
  readonly wrap?: (database: Database) => Database;
}

interface StartOptions {
  readonly workers?: number;
  readonly pageEvents?: number;
  /** Enables the collection `events`; its points are kept this long. */
  readonly events?: { readonly days: number } | undefined;
  /** The parts beside the stream; default all. */
  readonly beside?: readonly (keyof typeof leftToDo)[];
}

const leftToDo = {
  points: "exists (select from stream.stale)",
  models: `exists (select from vectors.model_collections where filling)
    or not exists (select from vectors.models where state = 'live')
    or exists (select from vectors.models where state = 'building' or rebuild)`,
} as const;

export function createTestStream(
  t: CleanUp,
  database: TestDatabase,
  options: TestStreamOptions = {},
): TestStream {
  const app = options.wrap?.(database.app) ?? database.app;
  const notifications = openNotifications({ url: database.urls.app, applicationName: "test" });
  const shelf = openEmbedderShelf(database.app);
  const { send } = createTestIngest(t, { database: database.ingest });
  const pages: PageReport[] = [];
  const models: ModelEvent[] = [];
  const asked: string[] = [];
  const errors: unknown[] = [];
  const processor = createTestProcessor(app, shelf, async (texts, embed) => {
    asked.push(...texts);
    if (!texts.some((text) => options.refuse?.(text) === true)) return embed();
    throw new EmbeddingError("it does not like the text", { retryable: false });
  });
  let beside: readonly (keyof typeof leftToDo)[] = [];
  let stop = () => Promise.resolve();
  t.after(async () => {
    await stop();
    await notifications.close();
    await shelf.close();
  });

  function makeParts({ workers = 1, pageEvents = 100, events }: StartOptions): Part[] {
    const onError = (error: unknown) => errors.push(error);
    const common = { notifications, onError };
    const stream = createStream({
      ...common,
      database: app,
      pages: createPageReader(app, "stream"),
      processor,
      owner: "test",
      workers,
      pageEvents,
      intervalMs: 5,
      steps: { documents: events !== undefined },
      onPage: (page) => pages.push(page),
    });
    const others = {
      points: () => createRefresh({ database: database.app, collections, intervalMs: 50, onError }),
      models: () =>
        createModels({
          ...common,
          database: database.app,
          maker: {
            coldStart: async () => coldStartModel(new Date(0)),
            // another real model, and cheap: how one is fitted is tested with the embedder
            fit: async () => coldStartModel(new Date(0), 64),
          },
          corpus: createCorpus(database.app),
          source: createPointSource({
            log: createLogScan(database.app),
            database: database.app,
            collections,
            embedders: shelf,
            eventDays: events?.days ?? 30,
          }),
          owner: "test",
          eventsCollection: events !== undefined,
          onEvent: (event) => models.push(event),
        }),
    };
    return [stream, ...beside.map((name) => others[name]())];
  }

  return {
    database,
    notifications,
    shelf,
    processor,
    pages,
    models,
    asked,
    errors,
    start(about = {}) {
      beside = about.beside ?? ["points", "models"];
      const parts = makeParts(about);
      const stopping = new AbortController();
      const running = Promise.all(parts.map((part) => part.run(stopping.signal)));
      stop = async () => {
        stopping.abort();
        await running;
      };
    },
    stop: () => stop(),
    async send(events, serviceId = 1) {
      await sendUntilAccepted(send, events, serviceId);
    },
    async settled() {
      const left = beside.map((name) => leftToDo[name]);
      const what = () => `the stream to catch up; ${errors.at(-1)}`;
      await until(() => isRead(database, left), { what, timeoutMs: 60_000 });
    },
  };
}

/**
 * As a client does: what is answered `retry` is sent again under the same id. It may have been
 * committed all the same, and is then a duplicate.
 */
async function sendUntilAccepted(
  send: TestIngest["send"],
  events: readonly object[],
  serviceId: number,
): Promise<void> {
  let left = events.map((event) => ({ event_id: randomUUID(), ...event }));
  let accepted = ["accepted"];
  const what = () => `${left.length} of ${events.length} events to be accepted`;
  await until(
    async () => {
      const { body } = await send("/api/events/batch", JSON.stringify(left), { serviceId });
      const results = body.results as readonly { readonly verdict: string }[];
      for (const { verdict } of results) {
        assert.ok([...accepted, "retry"].includes(verdict), JSON.stringify(body));
      }
      left = left.filter((_, n) => results[n]?.verdict === "retry");
      accepted = ["accepted", "duplicate"];
      return left.length === 0;
    },
    { what, timeoutMs: 60_000 },
  );
}

/** The log is read to its end, and none of these conditions holds. */
async function isRead(database: TestDatabase, left: readonly string[]): Promise<boolean> {
  const conditions = [
    "exists (select from log.pages)",
    `exists (select from raw.events e, log.readers c
       where c.name = 'stream' and not pg_visible_in_snapshot(e.xid, c.position))`,
    ...left,
  ];
  const [row] = await database.app.query<{ busy: boolean }>({
    text: `select ${conditions.map((condition) => `(${condition})`).join(" or ")} as busy`,
  });
  return row?.busy === false;
}
