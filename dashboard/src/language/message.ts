/** A text with `{name}` placeholders, or one for each plural form; `{count}` selects the form. */
export type Message = string | { readonly one: string; readonly other: string };
export type Texts = Readonly<Record<string, Message>>;

type Placeholders<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;
type TextOf<M extends Message> = M extends string
  ? M
  : M extends { readonly other: infer Other extends string }
    ? // A count selects the plural form, whether or not the text repeats it.
      `${Other}{count}`
    : never;
type PlaceholdersOf<M extends Message> = Placeholders<TextOf<M>>;

/** The arguments that a message needs: none, or one object with every placeholder. */
export type Values<M extends Message> = [PlaceholdersOf<M>] extends [never]
  ? []
  : [values: { readonly [Name in PlaceholdersOf<M>]: string | number }];

/** What the compiler requires of a translated message: the same kind, with the same placeholders. */
type Translated<Source extends Message, Target> = Target extends Message
  ? Target extends string
    ? Source extends string
      ? SamePlaceholders<Source, Target>
      : "this message needs a plural form"
    : Source extends string
      ? "this message has no plural form"
      : SamePlaceholders<Source, Target>
  : Message;
type SamePlaceholders<Source extends Message, Target extends Message> = [
  Exclude<PlaceholdersOf<Source>, PlaceholdersOf<Target>>,
  Exclude<PlaceholdersOf<Target>, PlaceholdersOf<Source>>,
] extends [never, never]
  ? Target
  : `placeholders: ${PlaceholdersOf<Source>}`;

/**
 * The texts of one file in another language. The compiler refuses a missing or unknown key, and a
 * text whose placeholders differ from those of `Source`.
 */
export function translationOf<Source extends Texts>() {
  return <const Target extends { readonly [Key in keyof Source]: Message }>(
    texts: Target & {
      readonly [Key in keyof Target]: Key extends keyof Source
        ? Translated<Source[Key], Target[Key]>
        : "unknown key";
    },
  ): Target => texts;
}

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
