/** Brings models to the state that they should have: filled, and then live. */
import { messageOf } from "../../core/errors.ts";
import type { Purpose } from "../../core/ports/collections.ts";
import type { Database } from "../../core/ports/database.ts";
import { readCollections } from "./collections.ts";
import { markFilled, readFilling } from "./event-collections.ts";
import { beginFilling, type FillOptions, fillCollections } from "./fill.ts";
import {
  announceModels,
  type ModelRow,
  markFailed,
  markReady,
  readModels,
  switchTo,
} from "./model-store.ts";

export interface ModelEvent {
  readonly what: "fitted" | "ready" | "live" | "dropped" | "events filled";
  readonly modelId: string;
  readonly milliseconds?: number;
  readonly texts?: number;
}

export interface BuildOptions extends FillOptions {
  readonly database: Database;
  readonly purposes: readonly Purpose[];
  readonly report: (event: ModelEvent) => void;
}

/**
 * Fills every model that needs it. One that cannot be filled, for example because its embedder is unavailable,
 * does not hold up the others; returns what failed.
 */
export async function buildModels(options: BuildOptions): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const model of await readModels(options.database)) {
    try {
      if (model.state === "building" || model.rebuild) await build(model, options);
      else if (model.state === "ready" && model.wanted) await goLive(model.id, options);
    } catch (error) {
      if (options.signal.aborted) throw error;
      failures.push(error);
    }
  }
  return failures;
}

async function build(model: ModelRow, options: BuildOptions): Promise<void> {
  const { database } = options;
  const started = performance.now();
  const models = await readCollections(database);
  const collections = models.find(({ modelId }) => modelId === model.id);
  if (collections === undefined) return;
  try {
    const leftOut = await beginFilling(database, model.id);
    await fillCollections(collections, options.purposes, options);
    await markFilled(database, model.id);
    if (!(await markReady(database, model.id, leftOut))) return;
    const milliseconds = performance.now() - started;
    options.report({ what: "ready", modelId: model.id, milliseconds });
  } catch (error) {
    if (!options.signal.aborted) await markFailed(database, model.id, messageOf(error));
    throw error;
  }
  if (model.wanted) await goLive(model.id, options);
}

/** Fills collections `events` that were added to models later. */
export async function fillEventCollections(options: BuildOptions): Promise<void> {
  const { database, report } = options;
  for (const model of await readFilling(database)) {
    const started = performance.now();
    await fillCollections(model, ["events"], options);
    await markFilled(database, model.modelId);
    const milliseconds = performance.now() - started;
    report({ what: "events filled", modelId: model.modelId, milliseconds });
  }
}

async function goLive(modelId: string, { database, report }: BuildOptions): Promise<void> {
  await switchTo(database, modelId);
  await announceModels(database);
  report({ what: "live", modelId });
}
