import type { Database } from "../../core/ports/database.ts";
import type { ModelDirectory } from "./model-directory.ts";
import type { Searcher } from "./searcher.ts";

/** What a route of the search works with. */
export interface SearchContext {
  readonly searcher: Searcher;
  readonly models: ModelDirectory;
  readonly database: Database;
  /** As the products' names are folded in stream.products. */
  readonly fold: (text: string) => string;
  /** The setting `stream.events_collection`. */
  readonly eventsAreKept: boolean;
}
