import { type Html, html } from "../html.ts";
import type { Texts } from "../language/english.ts";
import { chooseMotif } from "./choose-motif.ts";
import { choose, hashText } from "./hash.ts";
import { motifs } from "./motifs.ts";
import { type Paint, paintOf } from "./paint.ts";

export interface PictureOf {
  readonly id: string;
  readonly name: string;
  readonly category: string;
}

const prints = {
  dots: (colour: string) =>
    html`<circle cx="6" cy="6" r="3.4" fill="${colour}"/><circle cx="16" cy="16" r="3.4" fill="${colour}"/>`,
  stripes: (colour: string) => html`<path d="M0 0h7v20H0z" fill="${colour}"/>`,
  checks: (colour: string) =>
    html`<path d="M0 0h10v20H0zM0 0h20v10H0z" fill="${colour}" opacity=".55"/>`,
  flowers: (colour: string) =>
    html`<g fill="${colour}"><circle cx="10" cy="6" r="3"/><circle cx="14" cy="10" r="3"/><circle cx="10" cy="14" r="3"/><circle cx="6" cy="10" r="3"/></g>`,
  hearts: (colour: string) =>
    html`<path d="M10 16c-6-4-7-6-7-9 0-4 5-4 7 0 2-4 7-4 7 0 0 3-1 5-7 9z" fill="${colour}"/>`,
  plain: () => html``,
};
type Print = keyof typeof prints;

const printWords: readonly (readonly [RegExp, Print])[] = [
  [/spot|dot|bubble/i, "dots"],
  [/strip|linen|deckchair/i, "stripes"],
  [/gingham|check|tartan|patchwork/i, "checks"],
  [/rose|floral|flower|paisley|daisy|garden|botanical|vintage|garland/i, "flowers"],
  [/heart|love|sweet/i, "hearts"],
];
const otherPrints = ["plain", "plain", "plain", "stripes", "dots"] as const;

const sceneries = {
  arch: (colour: string) => html`<path d="M40 200V104a60 60 0 0 1 120 0v96z" fill="${colour}"/>`,
  sun: (colour: string) => html`<circle cx="100" cy="96" r="74" fill="${colour}"/>`,
  hill: (colour: string) => html`<path d="M0 138c60-34 130-34 200 0v62H0z" fill="${colour}"/>`,
  leaning: (colour: string) => html`<path d="M0 200L150 0h50v200z" fill="${colour}"/>`,
};
const sceneryNames = ["arch", "sun", "hill", "leaning"] as const;

function printOf(name: string): Print {
  return (
    printWords.find(([words]) => words.test(name))?.[1] ?? choose(otherPrints, hashText(name), 5)
  );
}

/** The colour of a print: visible on the body, and quiet. */
function printColour({ body, light, shade }: Paint): string {
  return body === "#f4ecdd" ? "#c8553d55" : hashText(body + shade) % 2 === 0 ? light : `${light}aa`;
}

/**
 * An illustration of a product, drawn from its name and category: the same for the same product, without any
 * request. `place` distinguishes pictures of one product on one page: ids of patterns are unique in a page.
 */
export function picture(product: PictureOf, place: string, texts: Texts): Html {
  const { name, category } = product;
  const motif = chooseMotif(name, category);
  const paint = paintOf(name, category);
  const scenery = choose(sceneryNames, hashText(name), 6);
  const print = printOf(name);
  const id = `print-${place}-${hashText(product.id).toString(36)}`;
  return html`<svg class="picture" viewBox="0 0 200 200" preserveAspectRatio="xMidYMid slice" role="img" aria-label="${texts.picture(texts.motifs[motif])}">
    <defs><pattern id="${id}" width="20" height="20" patternUnits="userSpaceOnUse">${prints[print](printColour(paint))}</pattern></defs>
    <path d="M0 0h200v200H0z" fill="${paint.background}"/>${sceneries[scenery](paint.scenery)}
    <ellipse cx="100" cy="162" rx="56" ry="7" fill="#3b3631" opacity=".14"/>
    ${motifs[motif]({ ...paint, print: print === "plain" ? "none" : `url(#${id})` })}
  </svg>`;
}
