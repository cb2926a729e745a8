/** A text with `{name}` placeholders, or one for each plural form; the form follows `{count}`. */
export type Message = string | { readonly one: string; readonly other: string };

type Placeholders<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;
type TextOf<M extends Message> = M extends string
  ? M
  : M extends { readonly other: infer Other extends string }
    ? // A plural form is chosen by a count, whether the text repeats it or not.
      `${Other}{count}`
    : never;

/** The arguments that a message needs: none, or one object with every placeholder. */
export type Values<M extends Message> = [Placeholders<TextOf<M>>] extends [never]
  ? []
  : [values: { readonly [Name in Placeholders<TextOf<M>>]: string | number }];

interface Locale {
  readonly plural: Intl.PluralRules;
  readonly number: Intl.NumberFormat;
}

/** The message with its placeholders filled; numbers are written as the locale writes them. */
export function fillMessage(
  message: Message,
  values: Readonly<Record<string, string | number>>,
  locale: Locale,
): string {
  const text = typeof message === "string" ? message : message[pluralForm(values, locale)];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? locale.number.format(value) : value;
  });
}

function pluralForm(values: Readonly<Record<string, string | number>>, locale: Locale) {
  const count = values["count"];
  return typeof count === "number" && locale.plural.select(count) === "one" ? "one" : "other";
}

/** The names of a message's placeholders, sorted: what a test compares between languages. */
export function placeholdersOf(message: Message): string[] {
  const text = typeof message === "string" ? message : `${message.one} ${message.other}`;
  const names = [...text.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  return [...new Set(names)].sort();
}
