/** The thread of the index: all collections of the process. Started by `index-client.ts`. */
import { parentPort } from "node:worker_threads";
import { readCache, writeCache } from "./cache.ts";
import { IndexCollection } from "./collection.ts";
import type { IndexChange, PointPage, Reply, Request, Requests, Size } from "./messages.ts";

type Handlers = {
  readonly [Name in keyof Requests]: (
    body: Requests[Name][0],
  ) => Requests[Name][1] | Promise<Requests[Name][1]>;
};

/** Slots whose bits are made between two messages: a few milliseconds. */
const improveSlots = 256;

const port = parentPort;
if (port === null) throw new Error("index-worker.ts runs as a worker");
const collections = new Map<number, IndexCollection>();
let improving = false;

const handlers: Handlers = {
  async open({ collectionId, dimension, declared, cache }) {
    const make = () => new IndexCollection(dimension, declared);
    const found = cache === undefined ? undefined : await readCache(cache, make);
    const collection = found?.collection ?? make();
    collections.set(collectionId, collection);
    improveSoon();
    return {
      position: found?.position,
      refused: found?.refused,
      size: sizeOf(collection),
    };
  },
  load({ collectionId, page }) {
    const collection = get(collectionId);
    putPage(collection, page);
    improveSoon();
    return sizeOf(collection);
  },
  change({ collectionId, changes }) {
    const collection = get(collectionId);
    for (const change of changes) apply(collection, change);
    improveSoon();
    return sizeOf(collection);
  },
  query: ({ collectionId, query }) => get(collectionId).query(query),
  count: ({ collectionId, filter }) => get(collectionId).count(filter),
  save: ({ collectionId, ...file }) => writeCache(get(collectionId), file),
  drop({ collectionId }) {
    collections.delete(collectionId);
    return undefined;
  },
};

port.on("message", ({ id, name, body }: Request) => {
  try {
    const result = (handlers[name] as (body: unknown) => unknown)(body);
    if (!(result instanceof Promise)) return reply({ id, result });
    result.then(
      (value: unknown) => reply({ id, result: value }),
      (error: unknown) => reply({ id, error: String(error) }),
    );
  } catch (error) {
    reply({ id, error: String(error) });
  }
});

function reply(message: Reply): void {
  port?.postMessage(message);
}

function get(collectionId: number): IndexCollection {
  const collection = collections.get(collectionId);
  if (collection === undefined) throw new Error(`collection ${collectionId} is not loaded`);
  return collection;
}

function putPage(collection: IndexCollection, { ids, vectors, payloads }: PointPage): void {
  if (ids.length === 0) return;
  const { dimension } = collection;
  for (const [i, payload] of payloads.split("\n").entries()) {
    const vector = new Float32Array(vectors, 4 * i * dimension, dimension);
    collection.put(ids.slice(36 * i, 36 * i + 36), vector, payload);
  }
}

function apply(collection: IndexCollection, { id, vector, payload }: IndexChange): void {
  if (payload === undefined) collection.remove(id);
  else collection.put(id, vector, payload);
}

function sizeOf({ points, bytes }: IndexCollection): Size {
  return { points, bytes };
}

/** In small steps, so that queries wait for none of it for long. */
function improveSoon(): void {
  if (improving) return;
  improving = true;
  setImmediate(function step() {
    const isDone = [...collections.values()].every((collection) =>
      collection.improve(improveSlots),
    );
    improving = !isDone;
    if (!isDone) setImmediate(step);
  });
}
