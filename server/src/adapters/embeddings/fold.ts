const lastSigma = /ς/g;
const space = 0x20;
/** What the characters up to Latin Extended-A become, Turkish letters among them. */
const latin = Array.from({ length: 0x180 }, (_, code) => foldBetween(code));
/** Longer texts take the long way: they are rare, and this much memory stays. */
const longestLatin = 8_192;
const folded = Buffer.alloc(longestLatin * 3);

/**
 * A text as the words that are compared: NFKD, without marks, lower case, everything but letters, digits and
 * `_` a space. Empty when nothing is left.
 *
 * Turkish has two letters i, and neither lower-casing rule serves both languages: English makes `I` of
 * `ISPARTA` an `i`, Turkish makes it `ı`. A shop's text does not say which language it is in, so dotted and
 * dotless are one letter here: `ISPARTA`, `Isparta` and `ısparta` meet, as `İstanbul` and `ISTANBUL` do. The
 * same way `ş` meets `s` and `é` meets `e`, as people without the keyboard for it type them.
 *
 * The same in Python: see test/parity/lsa_reference.py. Anything changed here is a new `fold` in
 * lsa-parameters.ts.
 */
export function fold(text: string): string {
  return foldLatin(text) ?? foldAny(text);
}

/** In one pass, for texts in which every character becomes ASCII whatever its neighbours: ten times as fast. */
function foldLatin(text: string): string | undefined {
  if (text.length > longestLatin) return undefined;
  let end = 0;
  let before = space;
  for (let at = 0; at < text.length; at++) {
    // up to three letters, the first one in the lowest byte
    let letters = latin[text.charCodeAt(at)];
    if (letters === undefined) return undefined;
    for (; letters !== 0; letters >>>= 8) {
      const letter = letters & 0xff;
      if (letter !== space || before !== space) folded[end++] = letter;
      before = letter;
    }
  }
  return folded.toString("latin1", 0, before === space && end > 0 ? end - 1 : end);
}

/** What a character becomes between others, as a number; undefined where that is not ASCII. */
function foldBetween(code: number): number | undefined {
  const between = Buffer.from(foldAny(`x${String.fromCharCode(code)}x`).slice(1, -1));
  if (between.some((byte) => byte >= 0x80)) return undefined;
  return between.reduceRight((letters, byte) => (letters << 8) | byte, 0);
}

function foldAny(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .replace(/\p{M}+/gu, "")
    .replaceAll("ı", "i")
    .replace(lastSigma, "σ")
    .replaceAll("ß", "ss")
    .replace(/[^\p{L}\p{N}_]+/gu, " ")
    .trim();
}
