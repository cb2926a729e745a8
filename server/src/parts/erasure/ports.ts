import type { Queryable } from "../../core/ports/database.ts";

export interface Reruns {
  /** Queues the recomputation of an hour; undefined if retention has dropped its raw events. */
  request(database: Queryable, hour: Date): Promise<string | undefined>;
}
