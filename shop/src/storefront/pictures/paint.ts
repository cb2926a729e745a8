import { choose, hashText } from "./hash.ts";

/** The colours of a picture, as hexadecimal RGB. */
export interface Paint {
  readonly background: string;
  /** A quiet form behind the thing. */
  readonly scenery: string;
  readonly body: string;
  readonly shade: string;
  readonly light: string;
  readonly accent: string;
}

type Body = readonly [body: string, shade: string, light: string];

const bodies = {
  red: ["#c8553d", "#a3402c", "#e58a72"],
  pink: ["#dc8a94", "#bd6873", "#f0b9be"],
  orange: ["#d98445", "#b76a30", "#edae7c"],
  yellow: ["#e0b354", "#c0933a", "#f1d590"],
  green: ["#6f8f6a", "#557450", "#9db998"],
  mint: ["#7fb5a4", "#5f9484", "#aed6c9"],
  blue: ["#5b7fa3", "#446486", "#8eabc8"],
  purple: ["#85719c", "#6a577f", "#ae9dc2"],
  brown: ["#a37b59", "#835f41", "#c7a586"],
  white: ["#f4ecdd", "#d9cdb8", "#fffaf0"],
  grey: ["#a8aca8", "#868b87", "#cdd0cc"],
  black: ["#474b50", "#303338", "#6c7177"],
} satisfies Readonly<Record<string, Body>>;

const colourWords: readonly (readonly [RegExp, keyof typeof bodies])[] = [
  [/\b(red|ruby|cherry|strawberry|retrospot|poppy|santa)\b/i, "red"],
  [/\b(pink|rose|roses|raspberry|fairy|princess)\b/i, "pink"],
  [/\b(orange|terracotta|copper|pumpkin)\b/i, "orange"],
  [/\b(yellow|gold|golden|lemon|brass|honey|sun)\b/i, "yellow"],
  [/\b(mint|turquoise|aqua|teal|sea)\b/i, "mint"],
  [/\b(green|olive|ivy|leaf|botanical|garden)\b/i, "green"],
  [/\b(blue|denim|sky|navy|sailor|spaceboy)\b/i, "blue"],
  [/\b(purple|lilac|lavender|violet|amethyst)\b/i, "purple"],
  [/\b(wood|wooden|wicker|brown|chocolate|jute|rustic|oak|rattan)\b/i, "brown"],
  [/\b(white|ivory|cream|porcelain|pearl|lace|alabaster)\b/i, "white"],
  [/\b(silver|grey|zinc|metal|tin|chrome|glass)\b/i, "grey"],
  [/\b(black|slate|chalk|chalkboard|blackboard)\b/i, "black"],
];

const fallbackBodies = ["red", "pink", "yellow", "green", "mint", "blue", "purple"] as const;

const grounds = [
  ["#f0e4d3", "#e7d6be"],
  ["#e4ebe3", "#d3dfd2"],
  ["#e3e9ec", "#d1dce1"],
  ["#f3e2da", "#ead0c4"],
  ["#ebe5ee", "#ddd4e3"],
  ["#f2ebd0", "#e8ddb5"],
] as const;

const accents = ["#c8553d", "#e0b354", "#5b7fa3", "#6f8f6a"] as const;

/** Colours that the name asks for, or others by its hash; the body is never as pale as its ground. */
export function paintOf(name: string, category: string): Paint {
  const hash = hashText(`${category}/${name}`);
  const word = colourWords.find(([words]) => words.test(name))?.[1];
  const colour = word ?? choose(fallbackBodies, hash, 1);
  const [body, shade, light] = bodies[colour];
  const [background, scenery] = choose(grounds, hash, 2);
  const accent = choose(accents, hash, 3);
  return { background, scenery, body, shade, light, accent: accent === body ? "#f4ecdd" : accent };
}
