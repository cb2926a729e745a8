/**
 * The port `collections`: the collections that points are written to. The part `models` manages them; the
 * part `stream`, which writes the points, uses this port.
 */
import type { Queryable } from "./database.ts";

export type Purpose = "products" | "users" | "events";

export interface ModelCollections {
  readonly modelId: string;
  readonly dimension: number;
  /** Queries are answered by this model. */
  readonly isLive: boolean;
  /** Ids in vectors.collections. */
  readonly collections: Readonly<Partial<Record<Purpose, number>>>;
}

export interface Collections {
  /**
   * Part of a transaction that writes points: until it ends, no collection is added or removed. `exclusive`
   * also waits for every transaction that is writing points.
   */
  lock(connection: Queryable, mode?: "shared" | "exclusive"): Promise<void>;
  /** Of every model that is live, ready or being filled. */
  read(connection: Queryable): Promise<ModelCollections[]>;
  /**
   * Part of a transaction that leaves these models out: their collections are filled again later.
   * @param reasons by model id
   */
  setAside(connection: Queryable, reasons: ReadonlyMap<string, string>): Promise<void>;
}
