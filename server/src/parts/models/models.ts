/**
 * The part `models`: manages the embedders. Fits a new model when the corpus has grown, fills the
 * collections of new models in the background, and switches the aliases when a model is complete.
 */
import { messageOf } from "../../core/errors.ts";
import type { Purpose } from "../../core/ports/collections.ts";
import type { Database, Notifications } from "../../core/ports/database.ts";
import type { Part } from "../../core/ports/part.ts";
import { Stillness } from "../../core/stillness.ts";
import { createWake } from "../../timing/wake.ts";
import { type BuildOptions, buildModels, fillEventCollections, type ModelEvent } from "./build.ts";
import { addEventCollections, removeEventCollections } from "./event-collections.ts";
import { ModelsLease } from "./lease.ts";
import { removeStrayFiles } from "./model-files.ts";
import { addModel, announceModels, readModels } from "./model-store.ts";
import type { Corpus, ModelMaker, PointSource } from "./ports.ts";
import { CorpusWatch } from "./refit.ts";
import { dropRetired, purgeTombstones, type RetiredModel } from "./remove-models.ts";

export interface ModelsOptions {
  readonly database: Database;
  readonly notifications: Notifications;
  readonly maker: ModelMaker;
  readonly corpus: Corpus;
  readonly source: PointSource;
  /** Unique among processes. */
  readonly owner: string;
  /** Whether every model has a collection `events`. */
  readonly eventsCollection: boolean;
  readonly onEvent?: ((event: ModelEvent) => void) | undefined;
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A fit reads the whole corpus: a larger one adds nothing about words. */
const mostTexts = 100_000;
const pollMs = 2_000;
/** A query that resolved an alias just before the switch has long been answered. */
const graceMs = 60_000;
/** An index that was not updated for longer is loaded whole. */
const tombstonesKeptMs = 7 * 86_400_000;
/** Stray files are removed when a later purge finds them still stray. */
const purgeEveryMs = 3_600_000;
const dropEventsEveryMs = 60_000;

export function createModels(options: ModelsOptions): Part {
  const manager = new ModelManager(options);
  let problem: string | undefined;

  async function run(signal: AbortSignal): Promise<void> {
    const wake = createWake();
    const unsubscribe = options.notifications.subscribe("weir_models", () => wake.wake());
    try {
      while (!signal.aborted) {
        try {
          await manager.round(signal);
          problem = undefined;
        } catch (error) {
          if (signal.aborted) break;
          problem = messageOf(error);
          options.onError?.(error);
        }
        await wake.wait(pollMs, signal);
      }
    } finally {
      unsubscribe();
    }
  }

  return { name: "models", run, problem: () => problem };
}

class ModelManager {
  readonly #options: ModelsOptions;
  readonly #lease: ModelsLease;
  readonly #corpus: CorpusWatch;
  readonly #purposes: readonly Purpose[];
  readonly #retired = new Stillness(() => performance.now());
  readonly #strayFiles = new Stillness(() => performance.now());
  #purgedAt = Number.NEGATIVE_INFINITY;
  #droppedEventsAt = Number.NEGATIVE_INFINITY;

  constructor(options: ModelsOptions) {
    this.#options = options;
    this.#lease = new ModelsLease(options.database, options.owner);
    this.#corpus = new CorpusWatch(options.corpus);
    this.#purposes = options.eventsCollection
      ? ["products", "users", "events"]
      : ["products", "users"];
  }

  /** One round of everything that is due, if this process has the lease. */
  async round(signal: AbortSignal): Promise<void> {
    if (!(await this.#lease.take())) return;
    const { database } = this.#options;
    const build = this.#buildOptions(signal);
    const models = await readModels(database);
    if (models.length === 0) {
      await this.#addColdStart();
    } else {
      const size = await this.#corpus.refitSize(models);
      if (size !== undefined) await this.#refit(size, signal);
    }
    await this.#manageEventCollections(build);
    const failures = await buildModels(build);
    for (const modelId of await dropRetired(database, this.#isOver, this.#lease.renew)) {
      build.report({ what: "dropped", modelId });
    }
    await this.#purge();
    if (failures.length > 0) throw failures[0];
  }

  readonly #isOver = ({ id, retirement }: RetiredModel) =>
    this.#retired.of(id, retirement) >= graceMs;

  #buildOptions(signal: AbortSignal): BuildOptions {
    const { database, source, onEvent } = this.#options;
    return {
      database,
      source,
      lease: this.#lease,
      purposes: this.#purposes,
      report: (event) => onEvent?.(event),
      signal,
    };
  }

  async #addColdStart(): Promise<void> {
    const { database, maker, onEvent } = this.#options;
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
      this.#purposes,
    );
    await announceModels(database);
    onEvent?.({ what: "live", modelId: made.id });
  }

  async #refit(corpusTexts: number, signal: AbortSignal): Promise<void> {
    const { database, maker, corpus, onEvent } = this.#options;
    const started = performance.now();
    const texts = await corpus.read(mostTexts);
    await this.#lease.whileRenewing(async () => {
      const made = await maker.fit(texts, signal);
      const milliseconds = performance.now() - started;
      onEvent?.({ what: "fitted", modelId: made.id, milliseconds, texts: texts.length });
      await addModel(
        database,
        { ...made, kind: "lsa", settings: {}, automatic: true, corpusTexts, wanted: true },
        this.#purposes,
      );
    });
  }

  /** While the setting is on every model has a collection `events`; a live one answers while it is filled. */
  async #manageEventCollections(build: BuildOptions): Promise<void> {
    const { database, source, eventsCollection } = this.#options;
    if (!eventsCollection) {
      await removeEventCollections(database, this.#lease.renew);
      return;
    }
    await addEventCollections(database);
    if (performance.now() - this.#droppedEventsAt > dropEventsEveryMs) {
      for await (const _page of source.dropOldEvents(build.signal)) await this.#lease.renew();
      this.#droppedEventsAt = performance.now();
    }
    await fillEventCollections(build);
  }

  async #purge(): Promise<void> {
    if (performance.now() - this.#purgedAt <= purgeEveryMs) return;
    await purgeTombstones(this.#options.database, tombstonesKeptMs);
    await removeStrayFiles(this.#options.database, this.#strayFiles);
    this.#purgedAt = performance.now();
  }
}
