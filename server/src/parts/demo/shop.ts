/** The demo shop: what it sells, at which price in which country, and who comes. */
import type { Catalogue, CatalogueProduct } from "./catalogue.ts";
import { type Random, weighted, zipf } from "./random.ts";

export interface Shop {
  readonly popular: (random: Random) => CatalogueProduct;
  readonly similar: (random: Random, product: CatalogueProduct) => CatalogueProduct;
  /** The product of a visit that buys: the same draws give the same mixture of prices. */
  readonly bought: (draw: number) => CatalogueProduct;
  /** The number of a known customer; `size` is that of the shop, relative to the start of the demo. */
  readonly customer: (random: Random, size: number) => number;
}

export interface Market {
  readonly country: string;
  readonly currency: string;
  /** Price in the currency for 1 GBP. */
  readonly rate: number;
}

const customers = 4_000;
/** One large order must not double an hour. */
const usualPrice = 15;

const markets: readonly (Market & { readonly share: number })[] = [
  { country: "United Kingdom", currency: "GBP", rate: 1, share: 0.65 },
  { country: "Germany", currency: "EUR", rate: 1.2, share: 0.1 },
  { country: "France", currency: "EUR", rate: 1.2, share: 0.06 },
  { country: "United States", currency: "USD", rate: 1.3, share: 0.07 },
  { country: "Ireland", currency: "EUR", rate: 1.2, share: 0.04 },
  { country: "Türkiye", currency: "EUR", rate: 1.2, share: 0.04 },
  { country: "Spain", currency: "EUR", rate: 1.2, share: 0.02 },
  { country: "Netherlands", currency: "EUR", rate: 1.2, share: 0.02 },
];

/** The market of a visitor, by a draw from 0 to below 1. */
export function marketOf(draw: number): Market {
  let left = draw;
  for (const market of markets) {
    left -= market.share;
    if (left < 0) return market;
  }
  return homeMarket;
}

export const homeMarket: Market = { country: "United Kingdom", currency: "GBP", rate: 1 };

/** In the market's currency, two digits. */
export function priceIn({ rate }: Market, { price }: CatalogueProduct): number {
  return Math.round(price * rate * 100) / 100;
}

export const devices = {
  "shop-web": weighted({ desktop: 6, mobile: 5, tablet: 1 }),
  "shop-ios": weighted({ phone: 8, tablet: 1 }),
  "shop-pos": weighted({ till: 1 }),
};
export const referrers = weighted({ direct: 4, search: 5, newsletter: 2, social: 3 });
/** While the campaign runs. */
export const campaignReferrers = weighted({ direct: 3, search: 4, newsletter: 7, social: 4 });
export const stores = ["London", "Leeds", "Bristol"] as const;

/** Products and visitors follow Zipf's law: a few are frequent, most are rare. */
export function openShop(catalogue: Catalogue): Shop {
  const rank = zipf(catalogue.length, 1);
  const customerRank = zipf(customers, 0.6);
  const shelves = Map.groupBy(catalogue, ({ category }) => category);
  const onShelf = new Map(
    [...shelves].map(([category, products]) => [category, zipf(products.length, 1)]),
  );
  return {
    popular: (random) => catalogue[rank(random)] ?? catalogue[0],
    similar: (random, product) => {
      const place = onShelf.get(product.category)?.(random) ?? 0;
      return shelves.get(product.category)?.[place] ?? product;
    },
    bought: byPrice(catalogue),
    customer: (random, size) => 1 + Math.floor(customerRank(random) * size),
  };
}

/** Draws products with their popularity, in the order of their prices. */
function byPrice(catalogue: Catalogue): (draw: number) => CatalogueProduct {
  const usual = catalogue
    .map((product, rank) => ({ product, weight: 1 / (rank + 1) }))
    .filter(({ product }) => product.price <= usualPrice)
    .sort((a, b) => a.product.price - b.product.price || (a.product.id < b.product.id ? -1 : 1));
  const total = usual.reduce((sum, { weight }) => sum + weight, 0);
  const upTo: number[] = [];
  let sum = 0;
  for (const { weight } of usual) {
    sum += weight / total;
    upTo.push(sum);
  }
  return (draw) => {
    const place = upTo.findIndex((limit) => limit > draw);
    return usual[place]?.product ?? catalogue[0];
  };
}
