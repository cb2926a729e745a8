/** Writes a prepared page; isolates the events that PostgreSQL refuses. */
import { bisect } from "../../../core/bisect.ts";
import { messageOf } from "../../../core/errors.ts";
import type { Collections, ModelCollections } from "../../../core/ports/collections.ts";
import { DatabaseError, type Queryable } from "../../../core/ports/database.ts";
import type { InterestSettings } from "../points/interest.ts";
import type { ProductEvent } from "../steps/steps.ts";
import { collect } from "./collect.ts";
import { fingerprint, type KnownTexts } from "./known-texts.ts";
import type { DeadEvent, PreparedPage } from "./prepare-page.ts";
import { savepoint } from "./savepoint.ts";
import { writeChanges } from "./write-changes.ts";
import { documented, writeEvents } from "./write-events.ts";

export interface WritePageOptions {
  readonly collections: Collections;
  readonly interest: () => InterestSettings;
  readonly fold: (text: string) => string;
}

export interface Processed {
  readonly products: number;
  readonly users: number;
  readonly points: number;
  readonly dead: readonly DeadEvent[];
}

/** The collections changed between embedding and writing: both are repeated. */
export class CollectionsChanged extends Error {
  override readonly name = "CollectionsChanged";
}

/**
 * @throws CollectionsChanged, MissingVectors: the caller rolls its transaction back and prepares the page again.
 */
export async function writePage(
  connection: Queryable,
  page: PreparedPage,
  { known, collections, interest, fold }: WritePageOptions & { readonly known: KnownTexts },
): Promise<Processed> {
  await collections.lock(connection);
  const models = await collections.read(connection);
  if (fingerprint(models) !== fingerprint(page.models)) throw new CollectionsChanged();
  const { vectors } = page;
  await collections.setAside(connection, vectors.aside);
  const context = {
    models: models.filter(({ modelId }) => !vectors.aside.has(modelId)),
    vectors: vectors.products,
    fold,
  };
  const total = { products: 0, users: 0, points: 0 };
  const hashes = new Map<string, string>();
  const apply = async (events: readonly ProductEvent[]) => {
    const changes = collect(events, interest());
    const written = await savepoint(connection, async () => {
      const done = await writeChanges(connection, changes, context);
      return { ...done, points: done.points + (await writeDocuments(connection, events, page)) };
    });
    total.products += written.products;
    total.users += written.users;
    total.points += written.points;
    for (const [pointId, hash] of written.hashes) hashes.set(pointId, hash);
  };
  const { poisoned } = await bisect(page.events, apply, {
    isPoison: (error) => error instanceof DatabaseError && !error.retryable,
  });
  known.add(hashes);
  const dead = poisoned.map(
    ({ item, error }): DeadEvent => ({
      name: item.name,
      reason: "not_storable",
      error: messageOf(error),
    }),
  );
  return { ...total, dead: [...page.dead, ...dead] };
}

async function writeDocuments(
  connection: Queryable,
  events: readonly ProductEvent[],
  { models, vectors }: PreparedPage,
): Promise<number> {
  let points = 0;
  // empty while the collection of events is off: the events are not looked at
  for (const [modelId, byHash] of vectors.events) {
    const model = models.find((found) => found.modelId === modelId) as ModelCollections;
    points += await writeEvents(connection, documented(events), { model, vectors: byHash });
  }
  return points;
}
