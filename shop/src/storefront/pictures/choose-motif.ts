import { choose, hashText } from "./hash.ts";
import type { MotifName } from "./motifs.ts";

/** The first match wins: what a thing is comes before what is on it. */
const words: readonly (readonly [RegExp, MotifName])[] = [
  [/clock|timer|watch\b/i, "clock"],
  [/teapot|tea pot|kettle|coffee pot/i, "teapot"],
  [/lantern|lamp|\blight(s|bulb)?\b/i, "lantern"],
  [/t-?light|tea ?light|candle|incense/i, "candle"],
  [/\bbag\b|shopper|purse|wallet|luggage|passport|rucksack|\btote\b/i, "bag"],
  [/umbrella|parasol/i, "umbrella"],
  [/bunting|garland|streamer/i, "bunting"],
  [/cake|\bbak(e|ing)\b|muffin|bun case|doily|doilies/i, "cake"],
  [/\bmug|cups?\b|beaker|coffee|egg cup/i, "mug"],
  [/\bbowl|\bdish|basin|colander|basket/i, "bowl"],
  [/plate|saucer|tray|coaster|placemat|cutlery/i, "plate"],
  [/bottle|\bjug\b|perfume|soap|drinking/i, "bottle"],
  [/\bjars?\b|\btins?\b|storage|jam|cookie|biscuit|canister|pantry|spice/i, "jar"],
  [/card|wrap|notebook|journal|paper|sticker|postcard|recipe|book|pencil|\bpens?\b|stamp/i, "card"],
  [/frame|mirror|picture|photo|board|sign\b|canvas/i, "frame"],
  [/cushion|pillow|quilt|throw|towel|blanket|napkin/i, "cushion"],
  [/necklace|bracelet|earring|brooch|bangle|jewel|bead|charm|\bring\b/i, "necklace"],
  [/doll|toy|skittles|\bgame|puzzle|jigsaw|playing|children|kids|spaceboy|top\b/i, "toy"],
  [/bird|owl|\bhen\b|chick|duck|dove|cockerel|robin|parrot/i, "bird"],
  [/house|cottage|home|door|hook|building block|drawer|cabinet/i, "house"],
  [/tree|christmas|reindeer|bauble|advent/i, "tree"],
  [/plant|flower|pot\b|garden|watering|herb|seed|rose/i, "flower"],
  [/vase|ornament|decoration|holder/i, "vase"],
  [/heart|love/i, "heart"],
  [/star|snowflake|moon|angel/i, "star"],
  [/gift|box|set\b|party|birthday/i, "box"],
];

type Motifs = readonly [MotifName, ...MotifName[]];

const byCategory: Readonly<Record<string, Motifs>> = {
  "Bags & Travel": ["bag", "umbrella"],
  "Bath & Care": ["bottle", "cushion"],
  "Candles & Lights": ["candle", "lantern"],
  Garden: ["flower", "bird"],
  Home: ["house", "cushion", "frame", "clock"],
  Jewellery: ["necklace"],
  Kitchen: ["jar", "cake", "bottle"],
  "Party & Gifts": ["box", "bunting"],
  Seasonal: ["tree", "star"],
  Services: ["card"],
  Stationery: ["card"],
  Tableware: ["mug", "plate", "bowl", "teapot"],
  "Toys & Crafts": ["toy"],
};
const others: Motifs = ["vase", "heart", "bird", "star", "box"];

export function chooseMotif(name: string, category: string): MotifName {
  const named = words.find(([pattern]) => pattern.test(name))?.[1];
  return named ?? choose(byCategory[category] ?? others, hashText(name), 4);
}
