import { readFile } from "node:fs/promises";
import type { Database } from "../foundation/database.ts";
import type { Logger } from "../foundation/logger.ts";

/** The catalogue of the sample in `data/`; `npm run generate` writes it. */
const catalogueFile = new URL("../../data/catalogue.ndjson", import.meta.url);

/** Fills an empty catalogue, once: a catalogue that was emptied stays empty. Returns how many it added. */
export async function seedCatalogue(database: Database, logger: Logger): Promise<number> {
  const lines = (await readFile(catalogueFile, "utf8")).trimEnd().split("\n");
  const added = await database.transaction(async (connection) => {
    // two processes that start at the same time
    await connection.query("select pg_advisory_xact_lock(hashtext('shop.seed'))");
    const rows = await connection.query("select from products limit 1");
    if (rows.length > 0) return 0;
    await connection.query(
      `insert into products (id, name, description, category, price, currency, stock)
       select id, name, description, category, price, currency, stock
       from jsonb_to_recordset($1) as seed (id text, name text, description text, category text,
         price numeric, currency text, stock int)`,
      [`[${lines.join(",")}]`],
    );
    return lines.length;
  });
  if (added > 0) logger.info({ products: added }, "the catalogue was filled from the sample");
  return added;
}
