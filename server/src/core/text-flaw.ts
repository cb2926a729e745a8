/**
 * Why a text cannot be kept: PostgreSQL's text has no U+0000, and half of a surrogate pair has no UTF-8
 * form. Returns undefined for every other text.
 */
export function textFlaw(text: string): string | undefined {
  if (text.includes("\0")) {
    return "contains the character U+0000, which PostgreSQL cannot store; remove it";
  }
  if (!text.isWellFormed()) {
    return "contains half of a surrogate pair; send the whole pair, or remove it";
  }
  return undefined;
}
