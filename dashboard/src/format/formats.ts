/**
 * How each language writes numbers, amounts and times. Amounts stay decimal strings until Intl
 * formats them, because a double cannot hold every amount exactly.
 */
export const languages = ["en", "tr"] as const;
export type Language = (typeof languages)[number];

/** British English: unambiguous dates and a 24-hour clock. */
const locales: Readonly<Record<Language, string>> = { en: "en-GB", tr: "tr-TR" };

const compactNotation = { notation: "compact", maximumFractionDigits: 1 } as const;

export type Formats = ReturnType<typeof createFormats>;

/** @param zone an IANA time zone, in which instants are written. */
export function createFormats(language: Language, zone: string) {
  const locale = locales[language];
  const number = new Intl.NumberFormat(locale);
  const decimal = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const plain = new Intl.NumberFormat(locale, { useGrouping: false, maximumFractionDigits: 20 });
  const compact = new Intl.NumberFormat(locale, compactNotation);
  const hundredths = new Intl.NumberFormat(locale, {
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  });
  const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
  const signed = new Intl.NumberFormat(locale, {
    style: "percent",
    maximumFractionDigits: 1,
    signDisplay: "exceptZero",
  });
  const points = new Intl.NumberFormat(locale, {
    maximumFractionDigits: 1,
    signDisplay: "exceptZero",
  });
  const at = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: "h23", ...options });
  const clock = at({ hour: "2-digit", minute: "2-digit" });
  const clockSeconds = at({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day = at({ day: "numeric", month: "short" });
  const dayName = at({ weekday: "short", day: "numeric", month: "short" });
  const full = at({
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  const moneyFormats = new Map<string, Intl.NumberFormat>();

  /** An exact decimal string with its currency. A code that is not a currency precedes the number. */
  function money(amount: string, currency: string, short = false): string {
    const key = `${currency}${short}`;
    let format = moneyFormats.get(key);
    if (format === undefined) {
      format = moneyFormat(locale, currency, short);
      moneyFormats.set(key, format);
    }
    const value = amount as Intl.StringNumericLiteral;
    const text = short ? writeCompact(format, value, language) : format.format(value);
    return isCurrency(currency) ? text : `${currency} ${text}`;
  }

  return {
    language,
    locale,
    zone,
    plural: new Intl.PluralRules(locale),
    number,
    /** Short from ten million; the whole number belongs in a title beside it. */
    count: (value: number) =>
      Math.abs(value) >= 1e7 ? writeCompact(compact, value, language) : number.format(value),
    compact: (value: number) => writeCompact(compact, value, language),
    decimal: (value: number) => decimal.format(value),
    /** As a person types it into a field: the decimal sign of the language, no grouping. */
    plain: (value: number) => plain.format(value),
    /** A similarity -1..1: `0.87`. */
    score: (value: number) => hundredths.format(value),
    /** A share 0..1 in percent. */
    percent: (share: number) => percent.format(share),
    /** A relative change with its sign: 0.123 is `+12.3%`, 20 is `×21`. */
    change: (ratio: number) =>
      // Beyond ten times, a percentage is a long number that says little.
      ratio < 10 ? signed.format(ratio) : `×${number.format(Math.round(ratio + 1))}`,
    /** A difference of two shares in percentage points, without the unit. */
    points: (difference: number) => points.format(difference * 100),
    money,
    clock: (ms: number) => clock.format(ms),
    clockSeconds: (ms: number) => clockSeconds.format(ms),
    day: (ms: number) => day.format(ms),
    dayName: (ms: number) => dayName.format(ms),
    full: (ms: number) => full.format(ms),
    duration: (ms: number) => formatDuration(ms, language),
  };
}

function moneyFormat(locale: string, currency: string, short: boolean): Intl.NumberFormat {
  const notation = short ? compactNotation : {};
  if (!isCurrency(currency)) return new Intl.NumberFormat(locale, notation);
  return new Intl.NumberFormat(locale, {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    ...notation,
  });
}

/**
 * What follows a compact number. Intl's own words differ between versions of ICU, and its Turkish
 * "2,1 B" (bin, thousand) reads as billions.
 */
const compactWords: Readonly<Record<Language, Readonly<Record<string, string>>>> = {
  en: { k: "K", m: "M", b: "B", bn: "B", t: "T", tn: "T" },
  tr: { b: "bin", mn: "mn", mr: "mr", tn: "tn" },
};

function writeCompact(
  format: Intl.NumberFormat,
  value: number | Intl.StringNumericLiteral,
  language: Language,
): string {
  const words = compactWords[language];
  return format
    .formatToParts(value as number)
    .map((part) =>
      part.type === "compact" ? (words[part.value.toLowerCase()] ?? part.value) : part.value,
    )
    .join("");
}

/** Intl throws a RangeError on anything but three letters. */
function isCurrency(code: string): boolean {
  return /^[A-Za-z]{3}$/.test(code);
}

const units = {
  en: { second: "s", minute: "min", hour: "h", day: "d" },
  tr: { second: "sn", minute: "dk", hour: "sa", day: "gün" },
} as const;

/** `0.4 s`, `12 s`, `3 min`, `5 h`, `2 d`: short units. Intl would write `secs` or `sec`. */
function formatDuration(ms: number, language: Language): string {
  const [value, unit] = durationParts(Math.max(0, ms));
  const digits = unit === "second" && value < 10 ? 1 : 0;
  const number = new Intl.NumberFormat(locales[language], {
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  });
  return `${number.format(value)} ${units[language][unit]}`;
}

function durationParts(ms: number): [number, "second" | "minute" | "hour" | "day"] {
  const seconds = ms / 1_000;
  if (seconds < 10) return [Math.round(seconds * 10) / 10, "second"];
  if (seconds < 60) return [Math.floor(seconds), "second"];
  if (seconds < 3_600) return [Math.floor(seconds / 60), "minute"];
  if (seconds < 86_400) return [Math.floor(seconds / 3_600), "hour"];
  return [Math.floor(seconds / 86_400), "day"];
}
