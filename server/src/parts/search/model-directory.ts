/** The models and the names of their collections, at most a second old. */
import { WeirError } from "../../core/errors.ts";
import type { Purpose } from "../../core/ports/collections.ts";
import type { Database, Notifications } from "../../core/ports/database.ts";

export interface KnownModel {
  readonly id: string;
  readonly kind: "random-projection" | "lsa" | "transformer" | "http";
  readonly dimension: number;
  readonly state: "building" | "ready" | "live" | "retired";
  readonly automatic: boolean;
  readonly wanted: boolean;
  readonly corpusTexts: number | null;
  readonly createdAt: Date;
  readonly liveAt: Date | null;
  readonly error: string | null;
  /** Names of its collections. */
  readonly collections: Readonly<Partial<Record<Purpose, string>>>;
  /** Collections that were added to a filled model, and are incomplete until they are filled too. */
  readonly filling: readonly Purpose[];
}

export interface ModelDirectory {
  all(): Promise<readonly KnownModel[]>;
  /** The live one, or the named one if it is filled. @throws WeirError search_unavailable, invalid_request */
  resolve(modelId?: string): Promise<KnownModel>;
  close(): void;
}

/**
 * The old collections are dropped only a minute after a switch, so a list that is a second old gives right answers:
 * it queries the old collection with the old model.
 */
const freshMs = 1_000;

interface Row {
  readonly id: string;
  readonly kind: KnownModel["kind"];
  readonly dimension: number;
  readonly state: KnownModel["state"];
  readonly automatic: boolean;
  readonly wanted: boolean;
  readonly corpus_texts: number | null;
  readonly created_at: Date;
  readonly live_at: Date | null;
  readonly error: string | null;
  readonly collections: Partial<Record<Purpose, string>> | null;
  readonly filling: readonly Purpose[] | null;
}

export function createModelDirectory(options: {
  readonly database: Database;
  readonly notifications: Notifications;
}): ModelDirectory {
  let known: { readonly models: readonly KnownModel[]; readonly at: number } | undefined;
  let reading: Promise<readonly KnownModel[]> | undefined;
  const unsubscribe = options.notifications.subscribe("weir_models", () => {
    known = undefined;
  });

  function all(): Promise<readonly KnownModel[]> {
    if (known !== undefined && performance.now() - known.at < freshMs) {
      return Promise.resolve(known.models);
    }
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  async function read(): Promise<readonly KnownModel[]> {
    const at = performance.now();
    const rows = await options.database.query<Row>({
      name: "search_models",
      text: `select m.id, m.kind, m.dimension, m.state, m.automatic, m.wanted, m.corpus_texts, m.created_at,
               m.live_at, m.error, json_object_agg(mc.purpose, c.name) filter (where c.id is not null) as collections,
               json_agg(mc.purpose) filter (where mc.filling) as filling
             from vectors.models m
             left join vectors.model_collections mc on mc.model_id = m.id
             left join vectors.collections c on c.id = mc.collection_id
             group by m.id order by m.created_at, m.id`,
    });
    const models = rows.map((row) => ({
      id: row.id,
      kind: row.kind,
      dimension: row.dimension,
      state: row.state,
      automatic: row.automatic,
      wanted: row.wanted,
      corpusTexts: row.corpus_texts,
      createdAt: row.created_at,
      liveAt: row.live_at,
      error: row.error,
      collections: row.collections ?? {},
      filling: row.filling ?? [],
    }));
    known = { models, at };
    return models;
  }

  async function resolve(modelId?: string): Promise<KnownModel> {
    const models = await all();
    if (modelId === undefined) {
      const live = models.find(({ state }) => state === "live");
      if (live !== undefined) return live;
      throw new WeirError("search_unavailable", {
        detail:
          "no embedder is live yet; the part models adds one within seconds of its first start",
        retryAfterSeconds: 2,
      });
    }
    const filled = models.filter(({ state }) => state === "live" || state === "ready");
    const named = filled.find(({ id }) => id === modelId);
    if (named !== undefined) return named;
    throw new WeirError("invalid_request", {
      detail: `there is no filled model "${modelId}"; filled models: ${filled.map(({ id }) => id).join(", ") || "none"}`,
    });
  }

  return { all, resolve, close: unsubscribe };
}
