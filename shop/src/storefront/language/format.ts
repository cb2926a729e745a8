import type { Language } from "./language.ts";

const locales: Readonly<Record<Language, string>> = { en: "en-GB", tr: "tr-TR" };

/** Formats of one language. Times are shown in the time zone of the shop. */
export interface Formats {
  /** A decimal string, formatted digit by digit, never as a double. */
  money(amount: string, currency: string): string;
  count(value: number): string;
  /** Of an RFC 3339 text. */
  time(text: string): string;
  date(text: string): string;
}

const timeZone = "Europe/London";

function createFormats(language: Language): Formats {
  const locale = locales[language];
  const moneyFormats = new Map<string, Intl.NumberFormat>();
  const count = new Intl.NumberFormat(locale);
  const time = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short", timeZone });
  const date = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone });
  return {
    money: (amount, currency) => {
      const format = moneyFormats.get(currency) ?? moneyFormat(locale, currency);
      moneyFormats.set(currency, format);
      return format.format(amount as Intl.StringNumericLiteral);
    },
    count: (value) => count.format(value),
    time: (text) => time.format(new Date(text)),
    date: (text) => date.format(new Date(text)),
  };
}

function moneyFormat(locale: string, currency: string): Intl.NumberFormat {
  return new Intl.NumberFormat(locale, { style: "currency", currency });
}

export const formats: Readonly<Record<Language, Formats>> = {
  en: createFormats("en"),
  tr: createFormats("tr"),
};
