/**
 * Everything that a language writes its own way. Amounts stay decimal strings until Intl writes
 * them, because a double cannot hold every one exactly.
 */
export const languages = ["en", "tr"] as const;
export type Language = (typeof languages)[number];

/** British English, because its dates are not ambiguous and its clock has 24 hours. */
const locales: Readonly<Record<Language, string>> = { en: "en-GB", tr: "tr-TR" };

export type Formats = ReturnType<typeof createFormats>;

/** @param zone an IANA time zone, in which instants are written. */
export function createFormats(language: Language, zone: string) {
  const locale = locales[language];
  const number = new Intl.NumberFormat(locale);
  const decimal = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
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

  /** An exact decimal string with its currency; an unknown code stands before the number. */
  function money(amount: string, currency: string, short = false): string {
    const key = `${currency}${short}`;
    let format = moneyFormats.get(key);
    if (format === undefined) {
      format = moneyFormat(locale, currency, short);
      moneyFormats.set(key, format);
    }
    const text = format.format(amount as Intl.StringNumericLiteral);
    return isCurrency(currency) ? text : `${currency} ${text}`;
  }

  return {
    language,
    locale,
    zone,
    plural: new Intl.PluralRules(locale),
    number,
    /** Short above a million; the whole number belongs into a title beside it. */
    count: (value: number) => (Math.abs(value) >= 1e7 ? compact : number).format(value),
    compact: (value: number) => compact.format(value),
    decimal: (value: number) => decimal.format(value),
    /** A likeness -1..1: `0.87`. */
    score: (value: number) => hundredths.format(value),
    /** A share 0..1 as per cent. */
    percent: (share: number) => percent.format(share),
    /** A relative change with its sign: 0.123 is `+12.3%`, 20 is `×21`. */
    change: (ratio: number) =>
      // Beyond ten times, per cent is a long number that says little.
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
  const notation: Intl.NumberFormatOptions = short
    ? { notation: "compact", maximumFractionDigits: 1 }
    : {};
  if (!isCurrency(currency)) return new Intl.NumberFormat(locale, notation);
  return new Intl.NumberFormat(locale, {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    ...notation,
  });
}

/** Intl throws a RangeError on anything but three letters. */
function isCurrency(code: string): boolean {
  return /^[A-Za-z]{3}$/.test(code);
}

const units = {
  en: { second: "s", minute: "min", hour: "h", day: "d" },
  tr: { second: "sn", minute: "dk", hour: "sa", day: "gün" },
} as const;

/** `0.4 s`, `12 s`, `3 min`, `5 h`, `2 d`: short units, which Intl would write as `secs` or `sec`. */
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
