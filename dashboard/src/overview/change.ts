/** The change of a metric from the previous period. */
export type Change =
  | { readonly kind: "ratio"; readonly ratio: number }
  /** Of two shares, in shares: 0.01 is one percentage point. */
  | { readonly kind: "points"; readonly difference: number }
  | { readonly kind: "same" }
  /** The previous value is zero, so that there is no ratio. */
  | { readonly kind: "new" }
  | { readonly kind: "unknown" };

/** Below 0.05 %, one decimal would show an arrow beside a zero. */
const notShown = 0.0005;

/** The change of a count or an amount. */
export function changeOf(current: number, previous: number): Change {
  if (current === previous) return { kind: "same" };
  if (previous === 0) return { kind: "new" };
  const ratio = (current - previous) / Math.abs(previous);
  return Math.abs(ratio) < notShown ? { kind: "same" } : { kind: "ratio", ratio };
}

/** The change of a share; null is a share of nothing. */
export function changeOfShare(current: number | null, previous: number | null): Change {
  if (current === null || previous === null) return { kind: "unknown" };
  const difference = current - previous;
  if (Math.abs(difference) < notShown) return { kind: "same" };
  return { kind: "points", difference };
}

export function directionOf(change: Change): "up" | "down" | "flat" {
  const by =
    change.kind === "ratio" ? change.ratio : change.kind === "points" ? change.difference : 0;
  if (change.kind === "new") return "up";
  return by > 0 ? "up" : by < 0 ? "down" : "flat";
}
