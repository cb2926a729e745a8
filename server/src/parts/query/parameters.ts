/** Query parameters that several routes share. */
import { currencyPattern, cursorPattern, schema } from "@weir/protocol";
import { invalidQuery } from "./invalid-query.ts";

type Query = Readonly<Record<string, unknown>>;

export const cursorParameter = schema.string({
  pattern: cursorPattern,
  "x-expects": "the next_cursor of the previous page of results, unchanged",
  maxLength: 1_024,
  description: "next_cursor of the previous page of results.",
});

export const formatParameter = schema.oneOf(["json", "csv"], {
  default: "json",
  description: "csv: the rows as a file (RFC 4180).",
});

export function limitParameter(maximum: number, normal: number) {
  return schema.integer({
    minimum: 1,
    maximum,
    default: normal,
    description: "Maximum number of rows.",
  });
}

export function nameParameter(description: string) {
  return schema.string({ minLength: 1, maxLength: 256, description });
}

export function currencyParameter(description: string) {
  return schema.string({
    pattern: currencyPattern,
    "x-expects": "an ISO 4217 code, e.g. EUR",
    description,
  });
}

/** The code in capitals, as it is stored. */
export function currencyOf(query: Query): string | undefined {
  return textOf(query, "currency")?.toUpperCase();
}

/** A text parameter, if it was sent. */
export function textOf(query: Query, name: string): string | undefined {
  const value = query[name];
  return value === undefined ? undefined : String(value);
}

export function limitOf(query: Query, normal: number): number {
  const value = query["limit"];
  return value === undefined ? normal : Number(value);
}

/** The value of a parameter with a closed list of values; its schema has checked it. */
export function choiceOf<const T extends readonly string[]>(
  query: Query,
  name: string,
  choices: T,
): T[number] | undefined {
  const value = query[name];
  if (value === undefined) return undefined;
  const choice = choices.find((known) => known === value);
  if (choice === undefined) throw invalidQuery(name, `must be one of ${choices.join(", ")}`);
  return choice;
}
