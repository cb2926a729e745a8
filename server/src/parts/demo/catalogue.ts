import type { RetailLine } from "./uci.ts";

export interface CatalogueProduct {
  readonly id: string;
  readonly name: string;
  readonly category: string;
  /** GBP, two digits. */
  readonly price: number;
}

/** Most popular first. */
export type Catalogue = readonly [CatalogueProduct, ...CatalogueProduct[]];

/** The first match wins, so specific words come before general ones. */
const categories: readonly (readonly [RegExp, string])[] = [
  [/postage|voucher|manual|carriage/i, "Services"],
  [/christmas|advent|easter|santa|reindeer|snowflake|bauble|xmas|halloween/i, "Seasonal"],
  [/bag|shopper|purse|wallet|umbrella|parasol|luggage|passport|keyring|key ring/i, "Bags & Travel"],
  [/necklace|bracelet|earring|ring\b|brooch|bangle|hair|jewel|trinket|charm/i, "Jewellery"],
  [
    /candle|t-light|tea ?light|lantern|incense|lamp|light\b|lights\b|fragrance/i,
    "Candles & Lights",
  ],
  [/mug|cup|tea|coffee|teapot|saucer|egg|plate|bowl|jug|dish|cutlery|glass|tray/i, "Tableware"],
  [
    /cake|baking|jam|recipe|kitchen|pantry|apron|oven|spoon|tin\b|tins\b|lunch|jar|bottle/i,
    "Kitchen",
  ],
  [
    /card|wrap|ribbon|paper|notebook|pencil|pen\b|sticker|tape|ink|chalk|journal|stamp/i,
    "Stationery",
  ],
  [/party|birthday|bunting|garland|balloon|napkin|straw|gift/i, "Party & Gifts"],
  [
    /toy|doll|game|playing|jigsaw|puzzle|child|kids|spaceboy|dolly|baby|skittles|felt|craft|knit|sew/i,
    "Toys & Crafts",
  ],
  [/garden|plant|flower|watering|bird|fence|pot\b|grow/i, "Garden"],
  [/towel|soap|bath|bathroom|sponge|tissue|plaster|water bottle|warmer|cream|lip/i, "Bath & Care"],
  [
    /clock|frame|mirror|sign|hook|wall|door|knob|cushion|drawer|cabinet|cabinets|shelf|chair|stool|table/i,
    "Home",
  ],
];

/** A plausible category for a product description of the sample. */
export function categoryOf(description: string): string {
  return categories.find(([words]) => words.test(description))?.[1] ?? "Decoration";
}

/** The products of the sample at their median price, the most sold first. */
export function buildCatalogue(lines: readonly RetailLine[]): Catalogue {
  const products: (CatalogueProduct & { readonly sold: number })[] = [];
  for (const [id, sales] of Map.groupBy(lines, ({ stockCode }) => stockCode)) {
    const prices = sales.map(({ price }) => price).sort((a, b) => a - b);
    const price = prices[Math.floor(prices.length / 2)] ?? 0;
    const named = sales.find(({ description }) => description !== `Item ${id}`);
    if (named === undefined || price <= 0 || !/^\d{5}/.test(id)) continue;
    const name = named.description;
    products.push({ id, name, category: categoryOf(name), price, sold: sales.length });
  }
  products.sort((a, b) => b.sold - a.sold || (a.id < b.id ? -1 : 1));
  const [first, ...others] = products.map(({ sold: _, ...product }) => product);
  if (first === undefined) throw new Error("the sample has no products");
  return [first, ...others];
}
