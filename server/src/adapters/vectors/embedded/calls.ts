/** What the calls of the store share. */
import type { Database } from "../../../core/ports/database.ts";
import type { CallOptions } from "../../../core/ports/vector-store.ts";
import type { Catalogue } from "./catalogue.ts";
import { limitsOf, within } from "./errors.ts";
import type { Indexes } from "./indexes.ts";

export interface StoreContext {
  readonly database: Database;
  readonly catalogue: Catalogue;
  readonly indexes: Indexes;
}

/** Runs one call within its time limit; every error is a `VectorStoreError`. */
export function inLimits<T>(call: CallOptions | undefined, work: () => Promise<T>): Promise<T> {
  return within(work, limitsOf(call));
}
