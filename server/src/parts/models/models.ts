/**
 * The part `models`: looks after the embedders. Fits a new model when the corpus has grown, fills the
 * collections of new models in the background, and lets them go live by switching the aliases.
 */
import type { Database, Notifications } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { createWake } from "../../timing/wake.ts";
import { createTextEmbedder } from "../stream/embed-texts.ts";
import { dropOldEvents, oldestEvent } from "../stream/event-retention.ts";
import type { Embedders } from "../stream/process-events.ts";
import { textOfProduct } from "../stream/product-content.ts";
import { type Purpose, readCollections } from "./collections.ts";
import {
  addEventCollections,
  markFilled,
  readFilling,
  removeEventCollections,
} from "./event-collections.ts";
import { fillModel } from "./fill.ts";
import { fillEvents } from "./fill-events.ts";
import { removeStrayFiles } from "./model-files.ts";
import {
  addModel,
  announceModels,
  beginFilling,
  dropRetired,
  type ModelRow,
  markFailed,
  markReady,
  purgeTombstones,
  readModels,
  switchTo,
} from "./model-store.ts";

/** A model file and what it is called. */
export interface MadeModel {
  readonly id: string;
  readonly dimension: number;
  readonly file: Uint8Array;
}

export interface ModelMaker {
  /** Serves before a corpus exists. */
  coldStart(): Promise<MadeModel>;
  /** In a worker thread, as it takes seconds. */
  fit(texts: readonly string[], signal: AbortSignal): Promise<MadeModel>;
}

export interface ModelsOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  readonly maker: ModelMaker;
  readonly embedders: Embedders;
  readonly owner: string;
  /** The collection `events`, with points that many days old at most; undefined: it is not kept. */
  readonly events?: { readonly days: number } | undefined;
  readonly onEvent?: (event: ModelEvent) => void;
  readonly onError?: (error: unknown) => void;
}

export interface ModelEvent {
  readonly what: "fitted" | "ready" | "live" | "dropped" | "events filled";
  readonly modelId: string;
  readonly milliseconds?: number;
  readonly texts?: number;
}

/** Fewer texts than this say nothing about which words matter. */
const leastTexts = 200;
/** A fit reads the whole corpus: more of it than this says nothing new about words. */
const mostTexts = 100_000;
const growth = 1.2;
/** From one look to the next. */
const settledGrowth = 1.02;
/** A large catalogue takes a while to be counted. */
const countRestShare = 50;
const pollMs = 2_000;
const leaseMs = 10_000;
/** Whoever resolved an alias just before the switch has long been answered. */
const graceMs = 60_000;
/** An index that stood still for longer is loaded whole. */
const tombstonesKeptMs = 7 * 86_400_000;
const purgeEveryMs = 3_600_000;
const dropEventsEveryMs = 60_000;

export function createModels(options: ModelsOptions): Part {
  const { database, maker } = options;
  const purposes: readonly Purpose[] =
    options.events === undefined ? ["products", "users"] : ["products", "users", "events"];
  let problem: string | undefined;
  let corpusBefore = 0;
  let nextCountAt = Number.NEGATIVE_INFINITY;
  let purgedAt = Number.NEGATIVE_INFINITY;
  let droppedEventsAt = Number.NEGATIVE_INFINITY;

  async function run(signal: AbortSignal): Promise<void> {
    const wake = createWake();
    const unsubscribe = options.notifications.subscribe("weir_models", () => wake.wake());
    try {
      while (!signal.aborted) {
        try {
          if (await takeLease()) await look(signal);
          problem = undefined;
        } catch (error) {
          if (signal.aborted) break;
          problem = error instanceof Error ? error.message : String(error);
          options.onError?.(error);
        }
        await wake.wait(pollMs, signal);
      }
    } finally {
      unsubscribe();
    }
  }

  /** One process does the work; another takes over when it stops breathing. */
  async function takeLease(): Promise<boolean> {
    const rows = await database.query<{ name: string }>({
      name: "stream_models_lease",
      text: `insert into stream.leases as l (name, owner, heartbeat_at) values ('models', $1, clock_timestamp())
             on conflict (name) do update set owner = excluded.owner, heartbeat_at = excluded.heartbeat_at
             where l.owner = excluded.owner or l.heartbeat_at < clock_timestamp() - $2 * interval '1 millisecond'
             returning name`,
      values: [options.owner, leaseMs],
    });
    return rows.length === 1;
  }

  async function keep(): Promise<void> {
    if (!(await takeLease())) throw new Error("another process looks after the models now");
  }

  async function look(signal: AbortSignal): Promise<void> {
    const models = await readModels(database);
    if (models.length === 0) await addColdStart();
    else if (performance.now() >= nextCountAt) {
      const started = performance.now();
      const corpus = await countTexts();
      nextCountAt = performance.now() + countRestShare * (performance.now() - started);
      // in the middle of a burst a model would be old before it is live
      const isSettled = corpus <= settledGrowth * corpusBefore;
      corpusBefore = corpus;
      if (isSettled && wantsFit(models, corpus)) await fitAnew(corpus, signal);
    }
    await lookAfterEvents(signal);
    const failures = await buildAll(signal);
    for (const modelId of await dropRetired(database, graceMs, keep)) {
      options.onEvent?.({ what: "dropped", modelId });
    }
    if (performance.now() - purgedAt > purgeEveryMs) {
      await purgeTombstones(database, tombstonesKeptMs);
      await removeStrayFiles(database);
      purgedAt = performance.now();
    }
    if (failures.length > 0) throw failures[0];
  }

  /** One that cannot be filled (its embedder is away) does not hold up the others; answers what failed. */
  async function buildAll(signal: AbortSignal): Promise<unknown[]> {
    const failures: unknown[] = [];
    for (const model of await readModels(database)) {
      try {
        if (model.state === "building" || model.rebuild) await build(model, signal);
        else if (model.state === "ready" && model.wanted) await goLive(model.id);
      } catch (error) {
        if (signal.aborted) throw error;
        failures.push(error);
      }
    }
    return failures;
  }

  /** A model that answers gets its events while it answers; one that is being built has them from the start. */
  async function lookAfterEvents(signal: AbortSignal): Promise<void> {
    if (options.events === undefined) {
      await removeEventCollections(database, keep);
      return;
    }
    await addEventCollections(database);
    const oldest = await oldestEvent(database, { days: options.events.days, now: Date.now() });
    if (performance.now() - droppedEventsAt > dropEventsEveryMs) {
      await dropOldEvents(database, { oldest, signal, keep });
      droppedEventsAt = performance.now();
    }
    for (const model of await readFilling(database)) {
      const started = performance.now();
      const { modelId } = model;
      const opened = await options.embedders.open(modelId);
      const events = createTextEmbedder(database, opened, { texts: "events" });
      await fillEvents({ database, model, events: { embedder: events, oldest }, signal, keep });
      await markFilled(database, modelId);
      options.onEvent?.({
        what: "events filled",
        modelId,
        milliseconds: performance.now() - started,
      });
    }
  }

  async function addColdStart(): Promise<void> {
    const made = await maker.coldStart();
    await addModel(
      database,
      {
        ...made,
        kind: "random-projection",
        settings: {},
        automatic: true,
        corpusTexts: 0,
        wanted: true,
      },
      purposes,
    );
    await announceModels(database);
    options.onEvent?.({ what: "live", modelId: made.id });
  }

  /** Only models that Weir made itself are replaced by itself. */
  function wantsFit(models: readonly ModelRow[], corpus: number): boolean {
    const live = models.find(({ state }) => state === "live");
    if (live?.automatic !== true || models.some(({ state }) => state === "building")) return false;
    return corpus >= Math.max(leastTexts, growth * (live.corpus_texts ?? 0));
  }

  async function countTexts(): Promise<number> {
    const [row] = await database.query<{ texts: string }>({
      name: "stream_count_texts",
      text: "select count(*) as texts from stream.products where content_rank > 0",
    });
    return Number(row?.texts ?? 0);
  }

  async function fitAnew(corpus: number, signal: AbortSignal): Promise<void> {
    const started = performance.now();
    const rows = await database.query<{
      name: string | null;
      description: string | null;
      category: string | null;
    }>({
      text: `select name, description, category from stream.products where content_rank > 0
             order by point_id limit $1`,
      values: [mostTexts],
    });
    const texts = rows.map((row) => textOfProduct({ ...row, price: null, currency: null }));
    const beat = setInterval(() => void takeLease().catch(() => {}), leaseMs / 4);
    try {
      const made = await maker.fit(texts, signal);
      options.onEvent?.({
        what: "fitted",
        modelId: made.id,
        milliseconds: performance.now() - started,
        texts: texts.length,
      });
      await addModel(
        database,
        {
          ...made,
          kind: "lsa",
          settings: {},
          automatic: true,
          corpusTexts: corpus,
          wanted: true,
        },
        purposes,
      );
    } finally {
      clearInterval(beat);
    }
  }

  async function build(model: ModelRow, signal: AbortSignal): Promise<void> {
    const started = performance.now();
    const collections = (await readCollections(database)).find(
      ({ modelId }) => modelId === model.id,
    );
    if (collections === undefined) return;
    try {
      const opened = await options.embedders.open(model.id);
      const embedder = createTextEmbedder(database, opened);
      const events = options.events && {
        embedder: createTextEmbedder(database, opened, { texts: "events" }),
        oldest: await oldestEvent(database, { days: options.events.days, now: Date.now() }),
      };
      const since = await beginFilling(database);
      await fillModel({ database, model: collections, embedder, events, signal, keep });
      await markFilled(database, model.id);
      if (!(await markReady(database, model.id, since))) return;
      options.onEvent?.({
        what: "ready",
        modelId: model.id,
        milliseconds: performance.now() - started,
      });
    } catch (error) {
      if (!signal.aborted) {
        await markFailed(
          database,
          model.id,
          error instanceof Error ? error.message : String(error),
        );
      }
      throw error;
    }
    if (model.wanted) await goLive(model.id);
  }

  async function goLive(modelId: string): Promise<void> {
    await switchTo(database, modelId);
    await announceModels(database);
    options.onEvent?.({ what: "live", modelId });
  }

  return { name: "models", run, problem: () => problem };
}
