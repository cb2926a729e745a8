import assert from "node:assert/strict";
import { test } from "node:test";
import { toText } from "../html.ts";
import { texts } from "../language/language.ts";
import { chooseMotif } from "./choose-motif.ts";
import { motifs } from "./motifs.ts";
import { picture } from "./picture.ts";

const draw = (id: string, name: string, category: string) =>
  toText(picture({ id, name, category }, "t", texts.en));

test("a product keeps its picture, and others look different", () => {
  const mug = draw("1", "Red Retrospot Mug", "Tableware");
  assert.equal(draw("1", "Red Retrospot Mug", "Tableware"), mug);
  const names = ["Blue Polkadot Mug", "Red Retrospot Bag", "Green Garden Mug", "Wooden Heart Sign"];
  assert.equal(new Set([mug, ...names.map((name) => draw("1", name, "Home"))]).size, 5);
});

test("the name says what is drawn, the category otherwise", () => {
  assert.equal(chooseMotif("Red Retrospot Mug", "Tableware"), "mug");
  assert.equal(chooseMotif("White Hanging Heart T-Light Holder", "Candles & Lights"), "lantern");
  assert.equal(chooseMotif("Jumbo Bag Pink Vintage Paisley", "Bags & Travel"), "bag");
  assert.equal(chooseMotif("Qwerty", "Stationery"), "card");
  assert.ok(Object.hasOwn(motifs, chooseMotif("", "no such category")));
});

test("a picture has a text in both languages, and nothing that a policy of the page forbids", () => {
  for (const motif of Object.keys(motifs)) {
    for (const language of ["en", "tr"] as const)
      assert.ok(Object.hasOwn(texts[language].motifs, motif), motif);
  }
  const svg = draw('"><script>', 'x"onload="alert(1)', "<b>");
  assert.match(svg, /role="img" aria-label="Illustration: /);
  assert.doesNotMatch(svg, /<script|onload="|style=|href/);
});
