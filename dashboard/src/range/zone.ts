/** Calendar arithmetic of IANA zones, in milliseconds since 1970-01-01T00:00Z. */
const minute = 60_000;
export const hourMs = 60 * minute;
export const dayMs = 24 * hourMs;
const formats = new Map<string, Intl.DateTimeFormat>();

export interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
}

/** Whether the browser knows the zone. */
export function isTimeZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** The calendar and the clock of a zone at an instant. */
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

/** The instant at which a zone's clock shows that time; inside a spring gap, the instant after it. */
export function instantOf(zone: string, local: LocalTime): number {
  const wall = Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute);
  const guess = wall - offsetAt(zone, wall);
  const offset = offsetAt(zone, guess);
  const second = wall - offset;
  // Both guesses differ only around a change of the clock; the earlier offset decides inside a gap.
  return offsetAt(zone, second) === offset ? second : Math.max(guess, second);
}

export function startOfDay(zone: string, ms: number): number {
  const { year, month, day } = localTime(zone, ms);
  return instantOf(zone, { year, month, day, hour: 0, minute: 0 });
}

/** The start of the local day that lies `days` calendar days from the one of `ms`. */
export function startOfDayAt(zone: string, ms: number, days: number): number {
  const { year, month, day } = localTime(zone, ms);
  return instantOf(zone, { year, month, day: day + days, hour: 0, minute: 0 });
}

/** The start of the local hour: zones like Asia/Kolkata do not start hours with UTC. */
export function startOfHour(zone: string, ms: number): number {
  const offset = offsetAt(zone, ms);
  return Math.floor((ms + offset) / hourMs) * hourMs - offset;
}

/** `2026-11-21T14:00`, as `<input type="datetime-local">` reads and writes it. */
export function writeLocal(zone: string, ms: number): string {
  const { year, month, day, hour, minute: min } = localTime(zone, ms);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}T${two(hour)}:${two(min)}`;
}

/** The instant of `2026-11-21T14:00` in a zone; undefined when it is no such text. */
export function readLocal(zone: string, text: string): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})$/.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, min = 0] = match.slice(1).map(Number);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || min > 59) return undefined;
  return instantOf(zone, { year, month, day, hour, minute: min });
}

/** Local time less UTC, in milliseconds. */
function offsetAt(zone: string, ms: number): number {
  const local = localTime(zone, ms);
  const wall = Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute);
  return wall - Math.floor(ms / minute) * minute;
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
