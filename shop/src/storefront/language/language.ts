import { english, type Texts } from "./english.ts";
import { turkish } from "./turkish.ts";

export const languages = ["en", "tr"] as const;
export type Language = (typeof languages)[number];

export const texts: Readonly<Record<Language, Texts>> = { en: english, tr: turkish };

export function isLanguage(text: unknown): text is Language {
  return languages.some((language) => language === text);
}

/** The first language of an `Accept-Language` header that the shop speaks, by weight; English otherwise. */
export function preferredLanguage(header: string | undefined): Language {
  const wanted = (header ?? "")
    .split(",")
    .map((entry) => {
      const [range = "", ...parameters] = entry.trim().split(";");
      const weight = parameters.map((text) => /^\s*q=([\d.]+)$/.exec(text)?.[1]).find(Boolean);
      return { language: range.slice(0, 2).toLowerCase(), weight: Number(weight ?? 1) };
    })
    .filter(({ language, weight }) => isLanguage(language) && weight > 0)
    .sort((a, b) => b.weight - a.weight)[0]?.language;
  return isLanguage(wanted) ? wanted : "en";
}
