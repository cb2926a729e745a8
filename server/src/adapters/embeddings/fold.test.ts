import assert from "node:assert/strict";
import { test } from "node:test";
import { fold } from "./fold.ts";

test("words that people write in different ways are folded to one", () => {
  for (const [wanted, ...spellings] of [
    ["isparta", "ISPARTA", "Isparta", "ısparta", "İSPARTA", "I\u0307sparta"],
    ["istanbul", "İstanbul", "ISTANBUL", "istanbul", "ıstanbul"],
    ["cagri sukru ogut", "Çağrı Şükrü Öğüt", "ÇAĞRI  ŞÜKRÜ\tÖĞÜT", "c\u0327ag\u0306rı sukru ogut"],
    ["cafe", "Café", "cafe\u0301", "CAFÉ"],
    ["strasse", "Straße", "STRASSE", "STRAẞE"],
    ["οδυσσευσ", "ΟΔΥΣΣΕΥΣ", "Οδυσσεύς"],
    ["fine 1 2 8", "ﬁne ½ ⁸", "fine 1/2 8"],
    ["t light holder 12 x", "T-LIGHT holder, 12\u00a0x!"],
    ["snake_case", "Snake_Case"],
    ["日本語 한국어".normalize("NFKD"), "日本語 한국어"],
  ] as const) {
    for (const spelling of spellings) assert.equal(fold(spelling), wanted, spelling);
  }
});

test("what has no letter and no digit is empty", () => {
  for (const text of ["", " ", "!?…", "🎁", "\u200b\u0301", "\ud800"]) assert.equal(fold(text), "");
});

test("a folded text stays as it is", () => {
  for (const text of ["İıIi ǅ ŉ ﷺ Ⅷ ㎏ ẞ", "𝐁𝐨𝐥𝐝 ①②③ ﬀ ĳ ǆ", "ͅΑ ᾳ ΐ"]) {
    assert.equal(fold(fold(text)), fold(text));
  }
});

test("the fast path folds Latin letters as the general one does", () => {
  // a mark is left out in the end, but no text with one takes the short way
  const theLongWay = (text: string) => fold(`${text}\u0323`);
  const characters = Array.from({ length: 0x190 }, (_, code) => String.fromCharCode(code));
  for (const first of characters) {
    for (const second of characters) {
      const text = `${first}b ${first}${second}`;
      if (fold(text) !== theLongWay(text)) assert.equal(fold(text), theLongWay(text), `of ${text}`);
    }
  }
  for (const length of [8_191, 8_192, 8_193, 100_000]) {
    assert.equal(fold("\u00bd".repeat(length)).length, 4 * length - 1 - (length - 1));
  }
});
