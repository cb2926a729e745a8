import type { Database } from "../../core/ports/database.ts";
import type { ModelDirectory } from "./model-directory.ts";
import type { Searcher } from "./searcher.ts";

/** What every route of the search needs. */
export interface SearchContext {
  readonly searcher: Searcher;
  readonly models: ModelDirectory;
  readonly database: Database;
  /** Folds a text as the names in stream.products are folded. */
  readonly fold: (text: string) => string;
  /** The setting `stream.events_collection`. */
  readonly eventsAreKept: boolean;
}
