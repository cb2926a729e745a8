import { DatabaseError, type Queryable } from "../../core/ports/database.ts";

/** Of log.incarnation(). */
const restoredElsewhere = "WF004";

/**
 * Why the log cannot be used in this PostgreSQL cluster; undefined when it can. A dump that was restored to another
 * cluster has to be adapted before events are written.
 */
export async function clusterProblem(database: Queryable): Promise<string | undefined> {
  try {
    await database.query({ text: "select log.incarnation()" });
    return undefined;
  } catch (error) {
    if (error instanceof DatabaseError && error.code === restoredElsewhere) return error.message;
    throw error;
  }
}
