import type { Queryable } from "../../core/ports/database.ts";

export interface Reruns {
  /** Queues an hour to be made anew; undefined when retention has dropped what it was made of. */
  request(database: Queryable, hour: Date): Promise<string | undefined>;
}
