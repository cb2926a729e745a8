/**
 * Keyboard shortcuts. Single keys only, never with Alt or Control, which belong to the browser;
 * never while the focus is in a text field; and they can be switched off (WCAG 2.1.4).
 */
export type ShortcutAction =
  | "help"
  | "go-overview"
  | "go-live"
  | "go-search"
  | "go-windows"
  | "theme"
  | "refresh"
  | "pause"
  | "filter"
  | "compare"
  | "table";

export interface KeyPress {
  readonly key: string;
  readonly altKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  /** The focus is in a field that takes text, or a dialog is open. */
  readonly typing: boolean;
}

export interface ShortcutState {
  /** `g` was pressed and waits until then (milliseconds) for the letter of a screen. */
  readonly goUntil: number;
}

export const noShortcut: ShortcutState = { goUntil: 0 };
const goWaitMs = 1_500;
const screenKeys: Readonly<Record<string, ShortcutAction>> = {
  o: "go-overview",
  l: "go-live",
  s: "go-search",
  w: "go-windows",
};
const keys: Readonly<Record<string, ShortcutAction>> = {
  "?": "help",
  t: "theme",
  r: "refresh",
  p: "pause",
  "/": "filter",
  c: "compare",
  d: "table",
};

/** The keys of each action, in the order in which the help lists and the user presses them. */
export const shortcutKeys: Readonly<Record<ShortcutAction, readonly string[]>> = {
  "go-overview": ["g", "o"],
  "go-live": ["g", "l"],
  "go-search": ["g", "s"],
  "go-windows": ["g", "w"],
  refresh: ["r"],
  theme: ["t"],
  compare: ["c"],
  table: ["d"],
  pause: ["p"],
  filter: ["/"],
  help: ["?"],
};

export function pressKey(
  state: ShortcutState,
  press: KeyPress,
  now: number,
): readonly [ShortcutState, ShortcutAction | undefined] {
  if (press.typing || press.altKey || press.ctrlKey || press.metaKey)
    return [noShortcut, undefined];
  if (now < state.goUntil) return [noShortcut, screenKeys[press.key]];
  if (press.key === "g") return [{ goUntil: now + goWaitMs }, undefined];
  return [noShortcut, keys[press.key]];
}
