/**
 * A database that was restored from a dump (pg_dump) into another cluster. Transaction ids begin again there, so
 * what Weir keeps by transaction id has to be adapted before anything is written.
 */
import type pg from "pg";

/** The whole raw log may be rewritten: about a minute per million events. */
const adoptMs = 4 * 60 * 60_000;

/** True when that was necessary. The caller holds the lock of `migrate`. */
export async function adoptRestored(client: pg.Client): Promise<boolean> {
  const { rows: found } = await client.query<{ present: boolean }>(
    "select to_regprocedure('log.adopt_restored()') is not null as present",
  );
  if (found[0]?.present !== true) return false;
  await client.query("begin");
  try {
    const { rows } = await client.query<{ adopted: boolean }>(
      timed("select log.adopt_restored() as adopted"),
    );
    const adopted = rows[0]?.adopted === true;
    if (adopted) {
      await client.query(
        timed("select vectors.mend_feed(id) from vectors.collections order by id"),
      );
    }
    await client.query("commit");
    return adopted;
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw error;
  }
}

/** node-postgres reads the limit of a single query from its configuration; its types do not say so. */
function timed(text: string): pg.QueryConfig & { readonly query_timeout: number } {
  return { text, query_timeout: adoptMs };
}
