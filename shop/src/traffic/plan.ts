/** What a shopper wants, decided completely before the visit begins: the same seed and number give the same plan. */
import { type Random, seededRandom } from "./random.ts";
import type { Rates } from "./rates.ts";

export interface Plan {
  readonly number: number;
  /** Products that the shopper looks at, at least one. */
  readonly views: number;
  /** How the shopper looks for the next product, for each of them. */
  readonly ways: readonly Way[];
  /** Words of a search are mistyped. */
  readonly mistypes: boolean;
  readonly signsIn: boolean;
  readonly outcome: Outcome;
  readonly quantity: number;
  readonly language: "en" | "tr";
  /** For whatever the plan leaves open: which link, which letters. */
  readonly random: Random;
}

export type Way = "browse" | "category" | "search" | "similar";

/**
 * `leaves` puts nothing into the cart. `abandons` does, and does not pay; `declined`: the card is refused. `returns` pays and
 * gets the money back.
 */
export type Outcome = "leaves" | "abandons" | "declined" | "pays" | "returns";

/** The sample has neither searches nor sign-ins nor payments: these are assumptions, and are named so in the guide. */
export const assumed = {
  /** Of the ways to a product. */
  ways: { browse: 0.35, category: 0.2, search: 0.25, similar: 0.2 },
  /** Of the searches. */
  mistypes: 0.3,
  /** Of the shoppers with a cart; one who pays may do so as a guest. */
  signsIn: 0.5,
  /** Of those who do not pay: the card is refused. */
  declined: 0.2,
  /** Of those who pay. */
  returns: 0.05,
  turkish: 0.15,
} as const;

const mostViews = 14;

/** @param buyers share of the visits that pay, instead of the sample's */
export function planVisit(
  number: number,
  {
    seed,
    rates,
    buyers,
  }: { readonly seed: number; readonly rates: Rates; readonly buyers?: number | undefined },
): Plan {
  const random = seededRandom(seed, number);
  const outcome = outcomeOf(random(), random(), { rates, buyers });
  // geometric with the sample's mean
  const views = Math.min(
    mostViews,
    1 + Math.floor(Math.log(1 - random()) / Math.log(1 - 1 / rates.viewsPerVisit)),
  );
  return {
    number,
    outcome,
    views,
    ways: Array.from({ length: views }, () => wayOf(random())),
    mistypes: random() < assumed.mistypes,
    signsIn: outcome !== "leaves" && random() < assumed.signsIn,
    quantity: 1 + Math.floor(random() ** 3 * 4),
    language: random() < assumed.turkish ? "tr" : "en",
    random,
  };
}

function outcomeOf(
  draw: number,
  second: number,
  { rates, buyers }: { readonly rates: Rates; readonly buyers: number | undefined },
): Outcome {
  const pays = buyers ?? rates.fillsCart * rates.pays;
  const abandons = buyers === undefined ? rates.fillsCart * (1 - rates.pays) : 0;
  if (draw < pays) return second < assumed.returns ? "returns" : "pays";
  if (draw < pays + abandons) return second < assumed.declined ? "declined" : "abandons";
  return "leaves";
}

function wayOf(draw: number): Way {
  let left = draw;
  for (const [way, share] of Object.entries(assumed.ways) as [Way, number][]) {
    left -= share;
    if (left < 0) return way;
  }
  return "browse";
}
