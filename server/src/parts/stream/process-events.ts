/** From events that passed the steps to their effects: embeds what is new, writes, isolates poison. */
import { bisect } from "../../core/bisect.ts";
import { type Database, DatabaseError, type Queryable } from "../../core/ports/database.ts";
import { type Embedder, EmbeddingError } from "../../core/ports/embedder.ts";
import {
  fingerprint,
  lockCollections,
  type ModelCollections,
  readCollections,
} from "../models/collections.ts";
import { setAside } from "../models/model-store.ts";
import { collect } from "./collect.ts";
import { createTextEmbedder, type EmbedCounts, type TextEmbedder } from "./embed-texts.ts";
import type { InterestSettings } from "./interest.ts";
import type { EventName } from "./log-event.ts";
import type { DeadReason, ProductEvent } from "./steps.ts";
import { MissingVectors, writeChanges } from "./write-changes.ts";
import { documented, textsOfEvents, writeEvents } from "./write-events.ts";

export interface Embedders {
  /** The embedder of a model of vectors.models; opened once, kept while it is in use. */
  open(modelId: string): Promise<Embedder>;
}

export interface ProcessorOptions {
  readonly database: Database;
  readonly embedders: Embedders;
  readonly interest: () => InterestSettings;
  readonly fold: (text: string) => string;
  readonly onEmbedded?: (counts: EmbedCounts) => void;
  /** How long a page waits for the embedder of a model that does not answer queries; default 10 s. */
  readonly sidePatienceMs?: number;
}

export interface DeadEvent {
  readonly name: EventName;
  readonly reason: DeadReason;
  readonly error: string;
}

export interface Processed {
  readonly products: number;
  readonly users: number;
  readonly points: number;
  readonly dead: readonly DeadEvent[];
}

/** What ends the transaction besides the effects: `false` says that the page is somebody else's now. */
export type Finish = (connection: Queryable, dead: readonly DeadEvent[]) => Promise<boolean>;

export interface Processor {
  /**
   * Writes the effects of `events` and whatever `finish` writes, all or nothing. Undefined when
   * `finish` answered false. Rejects with retryable errors only (the database or an embedder is away).
   */
  process(
    events: readonly ProductEvent[],
    finish: Finish,
    signal: AbortSignal,
  ): Promise<Processed | undefined>;
  /** As `process`, inside the caller's transaction; poison is answered as a dead event. */
  processWithin(
    connection: Queryable,
    events: readonly ProductEvent[],
    signal: AbortSignal,
  ): Promise<Processed>;
}

/** Vectors of texts, by model and hex content hash. */
type VectorsByModel = ReadonlyMap<string, ReadonlyMap<string, Float32Array>>;

/** Apart, so that many events' texts do not push the few products' out of memory. */
interface ModelEmbedders {
  readonly products: TextEmbedder;
  readonly events: TextEmbedder;
}

/** The collections changed between embedding and writing: both are done again. */
class CollectionsChanged extends Error {
  override readonly name = "CollectionsChanged";
}

/** Rolls the effects back: another worker has taken the page over and writes them. */
class PageLost extends Error {
  override readonly name = "PageLost";
}

const mostKnown = 50_000;
const defaultSidePatienceMs = 10_000;
/** A model that was left out is not asked again for so long; it is filled again anyway. */
const leftOutMs = 30_000;
/** Each round learns something new; more than a few mean that something is wrong. */
const mostRounds = 10;

export function createProcessor(options: ProcessorOptions): Processor {
  const { database, sidePatienceMs = defaultSidePatienceMs } = options;
  const embedders = new Map<string, Promise<ModelEmbedders>>();
  /** Hash of the text that each product is known to have in every collection of `knownFor`. */
  const known = new Map<string, string>();
  let knownFor = "";
  /** Models that were left out lately: until when, and why. */
  const leftOut = new Map<string, { readonly until: number; readonly reason: string }>();

  async function process(events: readonly ProductEvent[], finish: Finish, signal: AbortSignal) {
    try {
      return await untilSettled(async () => {
        const prepared = await prepare(database, events, signal);
        return database.transaction(async (connection) => {
          const written = await write(connection, prepared);
          if (!(await finish(connection, written.dead))) throw new PageLost();
          return written;
        });
      });
    } catch (error) {
      if (error instanceof PageLost) return undefined;
      throw error;
    }
  }

  async function processWithin(
    connection: Queryable,
    events: readonly ProductEvent[],
    signal: AbortSignal,
  ): Promise<Processed> {
    return untilSettled(async () => {
      const prepared = await prepare(connection, events, signal);
      return savepoint(connection, () => write(connection, prepared));
    });
  }

  /** Runs again when a text or a collection turned out to be new in the meantime. */
  async function untilSettled<T>(work: () => Promise<T>): Promise<T> {
    for (let round = 1; ; round++) {
      try {
        return await work();
      } catch (error) {
        // what was rolled back must not be believed
        known.clear();
        const settles = error instanceof MissingVectors || error instanceof CollectionsChanged;
        if (!settles || round === mostRounds) throw error;
      }
    }
  }

  interface Prepared {
    readonly events: readonly ProductEvent[];
    readonly models: readonly ModelCollections[];
    readonly vectors: VectorsByModel;
    readonly eventVectors: VectorsByModel;
    /** Models that are left out, and why: see `vectorsOf`. */
    readonly aside: ReadonlyMap<string, string>;
    readonly dead: readonly DeadEvent[];
  }

  /** Outside of any lock: an embedder may take its time. */
  async function prepare(
    connection: Queryable,
    events: readonly ProductEvent[],
    signal: AbortSignal,
  ): Promise<Prepared> {
    const models = await readCollections(connection);
    // the first model is made within seconds of the first start
    if (models.length === 0)
      throw new EmbeddingError("no embedder is ready yet", { retryable: true });
    const print = fingerprint(models);
    if (print !== knownFor) {
      known.clear();
      knownFor = print;
      // models weigh tens of megabytes: those that are gone are let go
      const current = new Set(models.map(({ modelId }) => modelId));
      for (const modelId of embedders.keys()) {
        if (!current.has(modelId)) embedders.delete(modelId);
      }
    }
    // every text and not only the newest of each product: an event may turn out to be poison, and then
    // what its neighbours say stands
    const texts = new Map<string, string>();
    for (const { products } of events) {
      for (const { pointId, described } of products) {
        if (described !== undefined && known.get(pointId) !== described.hash) {
          texts.set(described.hash, described.text);
        }
      }
    }
    const eventTexts = textsOfEvents(documented(events));
    const { refused, ...made } = await vectorsOf(models, { texts, eventTexts }, signal);
    if (refused.size === 0) return { events, models, ...made, dead: [] };
    const dead = events.flatMap((event): DeadEvent[] => {
      const error = [...event.products.map(({ described }) => described), event.document]
        .map((text) => text && refused.get(text.hash))
        .find((found) => found !== undefined);
      return error === undefined ? [] : [{ name: event.name, reason: "embedding_refused", error }];
    });
    const isDead = new Set(dead.map(({ name }) => name));
    const alive = events.filter(({ name }) => !isDead.has(name));
    return { events: alive, models, ...made, dead };
  }

  /**
   * Vectors of the texts by every model. While the embedder of the model that answers is away the page waits;
   * a model beside it is left out, also when it only takes long, and filled again later.
   * @throws EmbeddingError when the answering model's embedder is away.
   */
  async function vectorsOf(
    models: readonly ModelCollections[],
    { texts, eventTexts }: Record<"texts" | "eventTexts", ReadonlyMap<string, string>>,
    signal: AbortSignal,
  ) {
    const vectors = new Map<string, ReadonlyMap<string, Float32Array>>();
    const eventVectors = new Map<string, ReadonlyMap<string, Float32Array>>();
    const refused = new Map<string, string>();
    const aside = new Map<string, string>();
    const isAsked = texts.size > 0 || eventTexts.size > 0;
    for (const { modelId, isLive, collections } of models) {
      const before = leftOut.get(modelId);
      if (!isLive && isAsked && before !== undefined && performance.now() < before.until) {
        aside.set(modelId, before.reason);
        continue;
      }
      const patience = isLive
        ? signal
        : AbortSignal.any([signal, AbortSignal.timeout(sidePatienceMs)]);
      try {
        const embedder = await modelEmbedders(modelId);
        const embedded = await embedder.products.embed(texts, patience);
        const ofEvents =
          collections.events === undefined || eventTexts.size === 0
            ? undefined
            : await embedder.events.embed(eventTexts, patience);
        vectors.set(modelId, embedded.vectors);
        if (ofEvents !== undefined) eventVectors.set(modelId, ofEvents.vectors);
        for (const [hash, error] of [...embedded.refused, ...(ofEvents?.refused ?? [])]) {
          refused.set(hash, `${modelId}: ${error}`);
        }
      } catch (error) {
        const isLate = patience.aborted && !signal.aborted;
        const isAway = error instanceof EmbeddingError;
        if (isLive || signal.aborted || !(isLate || isAway)) throw error;
        const reason = isAway ? error.message : `no vectors within ${sidePatienceMs} ms`;
        leftOut.set(modelId, { until: performance.now() + leftOutMs, reason });
        aside.set(modelId, reason);
      }
    }
    return { vectors, eventVectors, refused, aside };
  }

  async function write(connection: Queryable, prepared: Prepared): Promise<Processed> {
    await lockCollections(connection);
    const models = await readCollections(connection);
    if (fingerprint(models) !== fingerprint(prepared.models)) throw new CollectionsChanged();
    const total = { products: 0, users: 0, points: 0 };
    const fresh = new Map<string, string>();
    await setAside(connection, prepared.aside);
    const context = {
      models: models.filter(({ modelId }) => !prepared.aside.has(modelId)),
      vectors: prepared.vectors,
      fold: options.fold,
    };
    const apply = async (some: readonly ProductEvent[]) => {
      const changes = collect(some, options.interest());
      const written = await savepoint(connection, async () => {
        const done = await writeChanges(connection, changes, context);
        return {
          ...done,
          points: done.points + (await writeDocuments(connection, some, prepared)),
        };
      });
      total.products += written.products;
      total.users += written.users;
      total.points += written.points;
      for (const [pointId, hash] of written.hashes) fresh.set(pointId, hash);
    };
    const { poisoned } = await bisect(prepared.events, apply, {
      isPoison: (error) => error instanceof DatabaseError && !error.retryable,
    });
    remember(fresh);
    const dead = poisoned.map(
      ({ item, error }): DeadEvent => ({
        name: item.name,
        reason: "not_storable",
        error: error instanceof Error ? error.message : String(error),
      }),
    );
    return { ...total, dead: [...prepared.dead, ...dead] };
  }

  async function writeDocuments(
    connection: Queryable,
    events: readonly ProductEvent[],
    { models, eventVectors }: Prepared,
  ): Promise<number> {
    let points = 0;
    // no look at the events while the collection is off
    for (const [modelId, vectors] of eventVectors) {
      const model = models.find((found) => found.modelId === modelId) as ModelCollections;
      points += await writeEvents(connection, documented(events), { model, vectors });
    }
    return points;
  }

  function remember(hashes: ReadonlyMap<string, string>): void {
    if (known.size > mostKnown) known.clear();
    for (const [pointId, hash] of hashes) known.set(pointId, hash);
  }

  function modelEmbedders(modelId: string): Promise<ModelEmbedders> {
    let opened = embedders.get(modelId);
    if (opened === undefined) {
      const { onEmbedded: observe } = options;
      const observed = observe === undefined ? {} : { observe };
      opened = options.embedders.open(modelId).then((embedder) => ({
        products: createTextEmbedder(database, embedder, observed),
        events: createTextEmbedder(database, embedder, { ...observed, texts: "events" }),
      }));
      opened.catch(() => embedders.delete(modelId));
      embedders.set(modelId, opened);
    }
    return opened;
  }

  return { process, processWithin };
}

/** A statement that fails takes only what was done since the savepoint with it. */
async function savepoint<T>(connection: Queryable, work: () => Promise<T>): Promise<T> {
  await connection.query({ text: "savepoint attempt" });
  try {
    const result = await work();
    await connection.query({ text: "release savepoint attempt" });
    return result;
  } catch (error) {
    await connection.query({ text: "rollback to savepoint attempt" });
    await connection.query({ text: "release savepoint attempt" });
    throw error;
  }
}
