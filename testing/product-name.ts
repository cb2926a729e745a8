const words = [
  ["red", "blue", "green", "white", "black", "pink", "silver", "golden"],
  ["small", "large", "vintage", "modern", "wooden", "glass", "paper", "steel"],
  ["mug", "lamp", "bag", "clock", "chair", "bowl", "candle", "frame", "jar", "tray"],
  ["with hearts", "with stars", "with spots", "for tea", "for the garden", "for children"],
];

/** A name of several words, the same for the same number. */
export function productName(n: number): string {
  const parts = words.map((list, place) => list[Math.floor(n / 7 ** place) % list.length]);
  return `${parts.join(" ")} no ${n % 997}`;
}
