const ascii = /^[\0-\x7f]*$/;
const lastSigma = /ς/g;

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
  if (ascii.test(text))
    return text
      .toLowerCase()
      .replace(/[^a-z0-9_]+/g, " ")
      .trim();
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
