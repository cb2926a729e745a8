/** What is asked on the Search page, as its address keeps it: a link shows the next person the same. */
import { postKey } from "../data/question.ts";
import { addressOf } from "../data/request.ts";

export const searchModes = ["text", "product", "user"] as const;
export type SearchMode = (typeof searchModes)[number];

export interface SearchState {
  readonly mode: SearchMode;
  /** A text, a product's id or a user's id, as the mode says. */
  readonly asked: string;
  readonly category: string | null;
  readonly priceFrom: number | null;
  readonly priceTo: number | null;
  /** Only of a text: its words count as well. */
  readonly hybrid: boolean;
  /** Null: the one that is live. */
  readonly model: string | null;
  /** A second model that answers the same beside it. */
  readonly beside: string | null;
}

const shownResults = 20;
/** As the API takes it. */
export const longestAsked: Readonly<Record<SearchMode, number>> = {
  text: 2_000,
  product: 256,
  user: 300,
};

export function readSearchState(query: URLSearchParams): SearchState {
  const mode = searchModes.find((name) => query.has(name)) ?? "text";
  return {
    mode,
    asked: (query.get(mode) ?? "").slice(0, longestAsked[mode]),
    category: nonEmpty(query.get("category")),
    priceFrom: readPrice(query.get("price_from")),
    priceTo: readPrice(query.get("price_to")),
    hybrid: query.get("hybrid") === "1",
    model: nonEmpty(query.get("model")),
    beside: nonEmpty(query.get("beside")),
  };
}

export function writeSearchState(state: SearchState): URLSearchParams {
  const query = new URLSearchParams();
  if (state.asked !== "" || state.mode !== "text") query.set(state.mode, state.asked);
  const rest = {
    category: state.category,
    price_from: state.priceFrom,
    price_to: state.priceTo,
    hybrid: state.hybrid ? 1 : null,
    model: state.model,
    beside: state.beside,
  };
  for (const [name, value] of Object.entries(rest)) {
    if (value !== null) query.set(name, String(value));
  }
  return query;
}

/** A price as somebody types it, with a comma or a point; null for none, and for what is no number. */
export function readPrice(text: string | null): number | null {
  const value = Number.parseFloat((text ?? "").trim().replace(",", "."));
  return Number.isFinite(value) && value >= 0 ? value : null;
}

/** As it is for a moment while somebody types: no product can pass, and the API refuses it. */
export function hasPricesUpsideDown({ priceFrom, priceTo }: SearchState): boolean {
  return priceFrom !== null && priceTo !== null && priceFrom > priceTo;
}

/** The question of a state to one model, as the key that `useQuery` takes; null while there is none to ask. */
export function keyOf(state: SearchState, model: string | null): string | null {
  const asked = state.asked.trim();
  if (asked === "" || hasPricesUpsideDown(state)) return null;
  if (state.mode === "text") return postKey("/api/search", textQuestion(state, model));
  const path =
    state.mode === "product"
      ? `/api/products/${encodeURIComponent(asked)}/similar`
      : `/api/users/${encodeURIComponent(asked)}/recommendations`;
  return addressOf(path, {
    category: state.category,
    price_gte: state.priceFrom,
    price_lte: state.priceTo,
    model,
    limit: shownResults,
  });
}

function textQuestion(state: SearchState, model: string | null) {
  const { category, priceFrom, priceTo } = state;
  const price = {
    ...(priceFrom === null ? {} : { gte: priceFrom }),
    ...(priceTo === null ? {} : { lte: priceTo }),
  };
  const filter = {
    ...(category === null ? {} : { category: [category] }),
    ...(Object.keys(price).length === 0 ? {} : { price }),
  };
  return {
    text: state.asked.trim(),
    limit: shownResults,
    ...(Object.keys(filter).length === 0 ? {} : { filter }),
    ...(state.hybrid ? { hybrid: true } : {}),
    ...(model === null ? {} : { model }),
  };
}

function nonEmpty(text: string | null): string | null {
  return text === null || text.trim() === "" ? null : text.slice(0, 200);
}
