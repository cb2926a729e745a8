/** Calendar arithmetic of time zones, in milliseconds since 1970-01-01T00:00Z. */
import { type LocalTime, localTime, zoneOffset } from "@weir/protocol";

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** The instant of a local time. A time that the clock skips gives the instant after the gap. */
export function instantOf(zone: string, local: LocalTime): number {
  const wall = Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute);
  const guess = wall - offsetAt(zone, wall);
  const offset = offsetAt(zone, guess);
  const second = wall - offset;
  // Both guesses differ only near a clock change. Inside a gap the earlier offset decides.
  return offsetAt(zone, second) === offset ? second : Math.max(guess, second);
}

export function startOfDay(zone: string, ms: number): number {
  const { year, month, day } = localTime(zone, ms);
  return instantOf(zone, { year, month, day, hour: 0, minute: 0 });
}

/** The start of the local day `days` calendar days after that of `ms`. */
export function startOfDayAt(zone: string, ms: number, days: number): number {
  const { year, month, day } = localTime(zone, ms);
  return instantOf(zone, { year, month, day: day + days, hour: 0, minute: 0 });
}

/** The start of the local hour. In zones like Asia/Kolkata it is not the start of a UTC hour. */
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

/** The instant of `2026-11-21T14:00` in a zone; undefined for any other text. */
export function readLocal(zone: string, text: string): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})$/.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, min = 0] = match.slice(1).map(Number);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || min > 59) return undefined;
  return instantOf(zone, { year, month, day, hour, minute: min });
}

/** Local time minus UTC, in milliseconds. */
function offsetAt(zone: string, ms: number): number {
  return zoneOffset(zone, ms) * minuteMs;
}
