/** What the tests of the vector store's conformance suite share. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import {
  type CollectionSettings,
  type Point,
  type VectorStore,
  VectorStoreError,
} from "../../../core/ports/vector-store.ts";
import { idOf } from "./filter.ts";

/** Opens the driver under test; what it needs to close is registered with `t.after`. */
export type OpenStore = (t: TestContext) => Promise<VectorStore>;

/** A collection for one test, and the name of it. */
export async function withCollection(
  t: TestContext,
  store: VectorStore,
  settings: CollectionSettings = { dimension: 4 },
): Promise<string> {
  const name = `conformance-${randomUUID()}`;
  t.after(() => store.deleteCollection(name));
  await store.createCollection(name, settings);
  return name;
}

export function isRefusedAs(
  code: VectorStoreError["code"],
  ...words: RegExp[]
): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof VectorStoreError, `${String(error)} is a VectorStoreError`);
    assert.equal(error.code, code, error.message);
    for (const word of words) assert.match(error.message, word);
    return true;
  };
}

export const point = (id: string, vector: readonly number[], payload = {}): Point => ({
  id: idOf(id),
  vector: Float32Array.from(vector),
  payload,
});

/** To six digits: vectors are kept in single precision. */
export const rounded = (value: number): number => Math.round(value * 1e6) / 1e6;
