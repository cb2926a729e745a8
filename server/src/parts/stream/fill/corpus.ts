/** The texts of products that models are fitted to. The part `models` declares this as its port `Corpus`. */
import type { Database } from "../../../core/ports/database.ts";
import { textOfProduct } from "../steps/product-content.ts";

export function createCorpus(database: Database) {
  return {
    /** How many products have a text. */
    async count(): Promise<number> {
      const [row] = await database.query<{ texts: string }>({
        name: "stream_count_texts",
        text: "select count(*) as texts from stream.products where content_rank > 0",
      });
      return Number(row?.texts ?? 0);
    },

    /** At most `limit` texts, the same ones for the same products. */
    async read(limit: number): Promise<string[]> {
      const rows = await database.query<{
        name: string | null;
        description: string | null;
        category: string | null;
      }>({
        text: `select name, description, category from stream.products where content_rank > 0
               order by point_id limit $1`,
        values: [limit],
      });
      return rows.map((row) => textOfProduct(row));
    },
  };
}
