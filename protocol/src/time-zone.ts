/**
 * Time zones as Weir accepts them, and their offsets as the runtime knows them. Server and dashboard
 * must agree on both: a zone that only one of them accepts is an error for the user.
 */

/** The calendar and the clock of a zone at an instant. */
export interface LocalTime {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
}

const minuteMs = 60_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether the name is a zone that the runtime knows, such as `Europe/Istanbul`; no bare offsets. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+\-/]{0,63}$/.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** @param ms milliseconds since 1970-01-01T00:00Z @throws RangeError for an unknown zone */
export function localTime(zone: string, ms: number): LocalTime {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(ms)) parts[type] = Number(value);
  return {
    year: parts["year"] ?? 1970,
    month: parts["month"] ?? 1,
    day: parts["day"] ?? 1,
    hour: parts["hour"] ?? 0,
    minute: parts["minute"] ?? 0,
  };
}

/**
 * Local time minus UTC in whole minutes; offsets before 1972 that include seconds are rounded down.
 * @param ms milliseconds since 1970-01-01T00:00Z @throws RangeError for an unknown zone
 */
export function zoneOffset(zone: string, ms: number): number {
  if (zone === "UTC") return 0;
  const local = localTime(zone, ms);
  const wall = Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute);
  return Math.floor(wall / minuteMs) - Math.floor(ms / minuteMs);
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
    });
    formats.set(zone, format);
  }
  return format;
}
