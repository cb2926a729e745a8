/**
 * HTML by tagged templates that escape every value. Only this file makes `Html`, so a string can never
 * become markup by accident.
 */
const markup = Symbol("markup");

export interface Html {
  readonly [markup]: string;
}

export type Value = Html | string | number | false | null | undefined | readonly Value[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

/** Safe in text and in quoted attribute values. */
function escapeText(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => entities[character] ?? character);
}

/** Positions where escaping does not help, checked once for each template in the code. */
const unsafePlace = /(=\s*|<\/?|<(script|style)\b[^>]*>[^<]*)$/i;
const address = /\b(href|src|action|formaction)="$/;
const safeAddress = /^(\/(?![/\\])|#|\?|https?:\/\/)/;
const checked = new WeakSet<TemplateStringsArray>();

/**
 * `false`, `null` and `undefined` are left out, lists are joined.
 * @throws Error for a value as tag name, outside quotes of an attribute, in a script or style element, or
 * for an address that is neither of this site nor http(s)
 */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  if (!checked.has(strings)) check(strings);
  let text = strings[0] ?? "";
  for (const [index, value] of values.entries()) {
    if (address.test(strings[index] ?? "") && !safeAddress.test(String(value))) {
      throw new Error(`not an address of a page: ${String(value)}`);
    }
    text += render(value) + (strings[index + 1] ?? "");
  }
  return { [markup]: text };
}

function check(strings: TemplateStringsArray): void {
  for (const part of strings.slice(0, -1)) {
    if (unsafePlace.test(part)) throw new Error(`a value cannot be escaped after ${part}`);
  }
  checked.add(strings);
}

function render(value: Value): string {
  if (value === false || value === null || value === undefined) return "";
  if (typeof value === "string") return escapeText(value);
  if (typeof value === "number") return String(value);
  if (markup in value) return value[markup];
  return value.map(render).join("");
}

/**
 * Data for scripts of the page: not executed, and no text in it can end the element. `id` is a constant
 * of the code.
 */
export function dataBlock(id: string, data: unknown): Html {
  const json = JSON.stringify(data).replace(/</g, "\\u003c");
  return {
    [markup]: `<script type="application/json" id="${escapeText(id)}">${json}</script>`,
  };
}

export function toText(page: Html): string {
  return page[markup];
}
