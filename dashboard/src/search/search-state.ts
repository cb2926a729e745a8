/** The state of the Search screen. It is kept in the address, so that a link shows everyone the same. */
import { postKey } from "../data/question.ts";
import { addressOf } from "../data/request.ts";

export const searchModes = ["text", "product", "user"] as const;
export type SearchMode = (typeof searchModes)[number];

export interface SearchState {
  readonly mode: SearchMode;
  /** A text, a product id or a user id, depending on the mode. */
  readonly term: string;
  readonly category: string | null;
  readonly priceFrom: number | null;
  readonly priceTo: number | null;
  /** Only for a text: also match its words. */
  readonly hybrid: boolean;
  /** Null: the live model. */
  readonly model: string | null;
  /** A second model to compare with. */
  readonly beside: string | null;
}

const shownResults = 20;
/** The limits of the API. */
export const maxTermLength: Readonly<Record<SearchMode, number>> = {
  text: 2_000,
  product: 256,
  user: 300,
};

export function readSearchState(query: URLSearchParams): SearchState {
  const mode = searchModes.find((name) => query.has(name)) ?? "text";
  return {
    mode,
    term: (query.get(mode) ?? "").slice(0, maxTermLength[mode]),
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
  if (state.term !== "" || state.mode !== "text") query.set(state.mode, state.term);
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

/** A typed price, with a decimal comma or point; null for none, and for text that is not a number. */
export function readPrice(text: string | null): number | null {
  const value = Number.parseFloat((text ?? "").trim().replace(",", "."));
  return Number.isFinite(value) && value >= 0 ? value : null;
}

/** True for a moment while a user types: no product can match, and the API rejects the query. */
export function hasPricesUpsideDown({ priceFrom, priceTo }: SearchState): boolean {
  return priceFrom !== null && priceTo !== null && priceFrom > priceTo;
}

/** The query of a state to one model, as a key of `useQuery`; null without a query. */
export function keyOf(state: SearchState, model: string | null): string | null {
  const term = state.term.trim();
  if (term === "" || hasPricesUpsideDown(state)) return null;
  if (state.mode === "text") return postKey("/api/search", textQuestion(state, model));
  const path =
    state.mode === "product"
      ? `/api/products/${encodeURIComponent(term)}/similar`
      : `/api/users/${encodeURIComponent(term)}/recommendations`;
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
    text: state.term.trim(),
    limit: shownResults,
    ...(Object.keys(filter).length === 0 ? {} : { filter }),
    ...(state.hybrid ? { hybrid: true } : {}),
    ...(model === null ? {} : { model }),
  };
}

function nonEmpty(text: string | null): string | null {
  return text === null || text.trim() === "" ? null : text.slice(0, 200);
}
