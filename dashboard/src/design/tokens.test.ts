import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const sheet = readFileSync(join(import.meta.dirname, "tokens.css"), "utf8");
const blocks = [...sheet.matchAll(/\{([^{}]*--paper[^{}]*)\}/g)].map(([, body = ""]) => {
  const tokens = new Map<string, string>();
  for (const [, name = "", value = ""] of body.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)) {
    tokens.set(name, value);
  }
  return tokens;
});

/** Relative luminance and contrast as WCAG 2.2 defines them. */
function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function colour(tokens: ReadonlyMap<string, string>, name: string): string {
  const value = tokens.get(name);
  assert.ok(value !== undefined, `--${name} is missing`);
  return value;
}

const pairs: readonly [text: string, grounds: readonly string[], least: number][] = [
  ["ink", ["paper", "surface", "sunken", "accent-soft", "warn-soft", "down-soft"], 4.5],
  ["muted", ["paper", "surface", "sunken", "accent-soft", "warn-soft", "down-soft"], 4.5],
  ["faint", ["paper", "surface", "sunken"], 4.5],
  ["accent", ["paper", "surface", "sunken"], 4.5],
  ["accent-ink", ["accent"], 4.5],
  ["compare", ["surface", "sunken"], 4.5],
  ["up", ["paper", "surface", "sunken"], 4.5],
  ["down", ["paper", "surface", "sunken", "down-soft"], 4.5],
  ["warn", ["paper", "surface", "sunken", "warn-soft"], 4.5],
  ["edge", ["paper", "surface"], 3],
];

test("every text colour has enough contrast on every background, light and dark (WCAG AA)", () => {
  assert.equal(blocks.length, 3);
  for (const [index, tokens] of blocks.entries()) {
    for (const [text, grounds, least] of pairs) {
      for (const ground of grounds) {
        const reached = contrast(colour(tokens, text), colour(tokens, ground));
        assert.ok(
          reached >= least,
          `block ${index}: ${text} on ${ground} is ${reached.toFixed(2)}`,
        );
      }
    }
  }
});

test("dark by preference and dark by system are the same", () => {
  assert.deepEqual(blocks[1], blocks[2]);
});
