import { readFile } from "node:fs/promises";
import { buildCatalogue, type Catalogue } from "./catalogue.ts";
import { parseShopRows, type ShopRow } from "./rees46.ts";
import { parseRetail, type RetailLine } from "./uci.ts";

/** The repository's `data/`. */
export const sampleFolder = new URL("../../../../data/", import.meta.url);

export interface Samples {
  readonly retail: readonly RetailLine[];
  readonly shop: readonly ShopRow[];
  readonly catalogue: Catalogue;
}

export async function readSamples(folder: URL): Promise<Samples> {
  const [retailText, shopText] = await Promise.all([
    readFile(new URL("uci-online-retail-5000.csv", folder), "utf8"),
    readFile(new URL("rees46-2019-oct-1000.csv", folder), "utf8"),
  ]);
  const retail = parseRetail(retailText);
  return { retail, shop: parseShopRows(shopText), catalogue: buildCatalogue(retail) };
}
