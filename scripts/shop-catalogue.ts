import { readSamples, sampleFolder } from "../server/src/parts/demo/samples.ts";

/** Of the same length, so that each shelf has all three. */
const endings = [
  "Sent within two working days.",
  "A gift that is ready to wrap.",
  "While our stock lasts.",
] as const;

/** Products that are sold most have more on hand. */
const popular = 100;

/**
 * The shop's first catalogue, one JSON object in a line: the products of the demo, which are those of the
 * sample in `data/`, the most sold first. The shop imports nothing of the server, so it gets them as a file.
 */
export async function shopCatalogue(): Promise<string> {
  const { catalogue } = await readSamples(sampleFolder);
  const lines = catalogue.map(({ id, name, category, price }, rank) =>
    JSON.stringify({
      id,
      name,
      description: `${name}, from our shelf “${category}”. ${endings[rank % endings.length]}`,
      category,
      price: price.toFixed(2),
      currency: "GBP",
      stock: rank < popular ? 400 : 60 + ((rank * 37) % 140),
    }),
  );
  return `${lines.join("\n")}\n`;
}
