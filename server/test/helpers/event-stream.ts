/** For tests of the collection `events`: a stream with its models on a real database, and senders. */
import assert from "node:assert/strict";
import { createEmbedderShelf } from "../../src/compose-embedders.ts";
import type { Notifications } from "../../src/core/database.ts";
import { EmbeddingError } from "../../src/core/embedder.ts";
import type { Part } from "../../src/core/part.ts";
import { coldStartModel, fold } from "../../src/embeddings/embedders.ts";
import { openNotifications } from "../../src/postgres/notifications.ts";
import { createReplayer } from "../../src/stream/letters.ts";
import { createModels, type ModelEvent } from "../../src/stream/models.ts";
import { createProcessor } from "../../src/stream/process-events.ts";
import { createStream } from "../../src/stream/stream.ts";
import { type CleanUp, createTestDatabase, type TestDatabase } from "./database.ts";
import { createTestIngest } from "./ingest.ts";
import { until } from "./until.ts";

export interface EventStream {
  readonly database: TestDatabase;
  readonly notifications: Notifications;
  readonly shelf: ReturnType<typeof createEmbedderShelf>;
  readonly models: ModelEvent[];
  readonly replayer: ReturnType<typeof createReplayer>;
  /** Starts the parts, with or without the collection; stops them when they run. */
  start(events: { readonly days: number } | undefined): void;
  stop(): Promise<void>;
  send(events: readonly object[], serviceId?: number): Promise<void>;
  /** The log is read to its end, and every collection is filled. */
  settled(): Promise<void>;
  /** Points of events in the collection that answers. */
  points(): Promise<EventPoint[]>;
}

export interface EventPoint {
  readonly id: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly changed: string;
}

/** Services `shop` (1) and `desk` (2). */
export async function createEventStream(
  t: CleanUp,
  options: { readonly refuse?: (text: string) => boolean } = {},
): Promise<EventStream> {
  const database = await createTestDatabase(t);
  const { owner, app } = database;
  await owner.query({ text: "select raw.prepare_days(2)" });
  await owner.query({ text: "insert into etl.event_type_actions values ('product.view', 1)" });
  await owner.query({
    text: "insert into auth.services (name, role) values ('shop', 'service'), ('desk', 'service')",
  });
  const notifications = openNotifications({ url: database.urls.app, applicationName: "test" });
  const shelf = createEmbedderShelf(app);
  const models: ModelEvent[] = [];
  const errors: unknown[] = [];
  let stopRunning = () => Promise.resolve();
  t.after(async () => {
    await stopRunning();
    await notifications.close();
    await shelf.close();
  });
  const { send } = createTestIngest(t, { database: database.ingest });

  const embedders = {
    async open(modelId: string) {
      const embedder = await shelf.open(modelId);
      return {
        ...embedder,
        embed(texts: readonly string[], signal?: AbortSignal) {
          if (!texts.some((text) => options.refuse?.(text) === true)) {
            return embedder.embed(texts, signal);
          }
          return Promise.reject(
            new EmbeddingError("it does not like the text", { retryable: false }),
          );
        },
      };
    },
  };
  const processor = createProcessor({
    database: app,
    embedders,
    interest: () => ({ view: 1, cart: 3, purchase: 5, halfLifeMs: 14 * 86_400_000 }),
    fold,
  });

  function start(events: { readonly days: number } | undefined): void {
    const common = { database: app, notifications, onError: (e: unknown) => errors.push(e) };
    const parts: Part[] = [
      createStream({
        ...common,
        processor,
        owner: "test",
        workers: 2,
        pageEvents: 100,
        intervalMs: 5,
        longestWriteMs: 10_000,
        steps: { documents: events !== undefined },
      }),
      createModels({
        ...common,
        maker: {
          coldStart: async () => coldStartModel(new Date(0)),
          fit: async () => coldStartModel(new Date(0), 64),
        },
        embedders: shelf,
        owner: "test",
        events,
        onEvent: (event) => models.push(event),
      }),
    ];
    const stop = new AbortController();
    const running = Promise.all(parts.map((part) => part.run(stop.signal)));
    stopRunning = async () => {
      stop.abort();
      await running;
    };
  }

  return {
    database,
    notifications,
    shelf,
    models,
    replayer: createReplayer(processor, { documents: true }),
    start,
    stop: () => stopRunning(),
    async send(events, serviceId = 1) {
      const answer = await send("/api/events/batch", JSON.stringify(events), { serviceId });
      assert.equal(answer.status, 202, JSON.stringify(answer.body));
      for (const { verdict } of answer.body.results) assert.equal(verdict, "accepted");
    },
    async settled() {
      const settled = async () => {
        const [row] = await owner.query<{ done: boolean }>({
          text: `select not exists (select from stream.pages)
                   and not exists (select from vectors.model_collections where filling)
                   and exists (select from vectors.models where state = 'live')
                   and not exists (select from vectors.models where state = 'building' or rebuild)
                   and not exists (
                     select from raw.events e, etl.cursors c
                     where c.reader = 'stream' and not pg_visible_in_snapshot(e.xid, c.position)) as done`,
        });
        return row?.done === true;
      };
      await until(settled, {
        what: () => `the stream to catch up; ${errors.at(-1)}`,
        timeoutMs: 20_000,
      });
    },
    points: () =>
      app.query<EventPoint>({
        text: `select p.id, p.payload, p.changed::text as changed
               from vectors.aliases a join vectors.points p on p.collection_id = a.collection_id
               where a.alias = 'events' and p.deleted_at is null order by p.payload ->> 'event_id', p.payload ->> 'source'`,
      }),
  };
}
