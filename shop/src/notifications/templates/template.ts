import type { Kind } from "../kinds.ts";

/** Texts with `{placeholders}`; `order_created` and the like may use those of `orderPlaceholders`. */
export interface Template {
  readonly subject: string;
  /** One paragraph each. */
  readonly paragraphs: readonly string[];
  /** The label of the button; its link is the placeholder `link`, and without one there is no button. */
  readonly action?: string;
  /** Whether the items and the total follow the text. */
  readonly items?: true;
}

export interface LanguageTexts {
  /** BCP 47, for money and dates. */
  readonly locale: string;
  readonly templates: Readonly<Record<Kind, Template>>;
  readonly total: string;
  /** At the end of every message. */
  readonly footer: string;
}

/** What a template of an order may name. */
export const orderPlaceholders = ["order_number", "total", "date"] as const;
/** What the sign-in link's may name. */
export const signInPlaceholders = ["minutes"] as const;

export function placeholdersOf({ subject, paragraphs }: Template): readonly string[] {
  const texts = [subject, ...paragraphs].join("\n");
  return [...new Set([...texts.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? ""))];
}

/** @throws Error when a placeholder has no value */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the placeholder ${name} has no value`);
    return value;
  });
}
