/** From events that passed the steps to their effects: embeds new texts, writes, isolates poison. */
import type { Database, Queryable } from "../../../core/ports/database.ts";
import { type Embedders, EmbeddingError } from "../../../core/ports/embedder.ts";
import type { EmbedCounts } from "../embed/embed-texts.ts";
import { PageEmbedder } from "../embed/page-embedder.ts";
import type { ProductEvent } from "../steps/steps.ts";
import { KnownTexts } from "./known-texts.ts";
import { type DeadEvent, type PreparedPage, preparePage } from "./prepare-page.ts";
import { savepoint } from "./savepoint.ts";
import { MissingVectors } from "./write-changes.ts";
import {
  CollectionsChanged,
  type Processed,
  type WritePageOptions,
  writePage,
} from "./write-page.ts";

export interface ProcessorOptions extends WritePageOptions {
  readonly database: Database;
  readonly embedders: Embedders;
  readonly onEmbedded?: (counts: EmbedCounts) => void;
  /** How long a page waits for the embedder of a model that does not answer queries; default 10 s. */
  readonly sidePatienceMs?: number;
}

/** Ends the page's transaction together with its effects; `false`: another worker has the page now. */
export type Finish = (connection: Queryable, dead: readonly DeadEvent[]) => Promise<boolean>;

export interface Processor {
  /**
   * Writes the effects of `events` and those of `finish`, all or nothing. Undefined when
   * `finish` returned false. Rejects with retryable errors only (the database or an embedder is unavailable).
   */
  process(
    events: readonly ProductEvent[],
    finish: Finish,
    signal: AbortSignal,
  ): Promise<Processed | undefined>;
  /** As `process`, inside the caller's transaction; poison is returned as a dead event. */
  processWithin(
    connection: Queryable,
    events: readonly ProductEvent[],
    signal: AbortSignal,
  ): Promise<Processed>;
}

/** Rolls the effects back: another worker has taken the page over and writes them. */
class PageLost extends Error {
  override readonly name = "PageLost";
}

/** Each round finds something new; more than a few mean a defect. */
const mostRounds = 10;

export function createProcessor(options: ProcessorOptions): Processor {
  const { database } = options;
  const context = { ...options, known: new KnownTexts(), embedder: new PageEmbedder(options) };

  /** Outside of any lock: an embedder may take its time. */
  async function prepare(
    connection: Queryable,
    events: readonly ProductEvent[],
    signal: AbortSignal,
  ): Promise<PreparedPage> {
    const models = await options.collections.read(connection);
    // the first model is made within seconds of the first start
    if (models.length === 0) {
      throw new EmbeddingError("no embedder is ready yet", { retryable: true });
    }
    return preparePage(context, { events, models }, signal);
  }

  /** Repeats the work when a text or a collection turned out to be new in the meantime. */
  async function untilSettled<T>(work: () => Promise<T>): Promise<T> {
    for (let round = 1; ; round++) {
      try {
        return await work();
      } catch (error) {
        context.known.clear();
        const settles = error instanceof MissingVectors || error instanceof CollectionsChanged;
        if (!settles || round === mostRounds) throw error;
      }
    }
  }

  async function process(events: readonly ProductEvent[], finish: Finish, signal: AbortSignal) {
    try {
      return await untilSettled(async () => {
        const page = await prepare(database, events, signal);
        return database.transaction(async (connection) => {
          const written = await writePage(connection, page, context);
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
      const page = await prepare(connection, events, signal);
      return savepoint(connection, () => writePage(connection, page, context));
    });
  }

  return { process, processWithin };
}
