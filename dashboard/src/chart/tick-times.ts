import { type Granularity, localTime } from "@weir/protocol";

/** Steps in which a clock or a calendar is read. */
const steps: Readonly<Record<Granularity, readonly number[]>> = {
  minute: [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720],
  hour: [1, 2, 3, 6, 12, 24, 48, 96, 168],
  day: [1, 2, 3, 7, 14, 28, 56, 112],
};

/**
 * The points of the time axis that get a label: at most `most`, at round times of the zone's clock,
 * and always points that exist, so that no day is labelled twice.
 */
export function tickTimes(
  times: readonly number[],
  about: { readonly granularity: Granularity; readonly zone: string; readonly most: number },
): number[] {
  const { granularity, zone, most } = about;
  const needed = times.length / Math.max(1, most);
  const list = steps[granularity];
  const step = list.find((candidate) => candidate >= needed) ?? list.at(-1) ?? 1;
  if (granularity === "day") return times.filter((_, index) => index % step === 0);
  const minutes = granularity === "minute" ? step : step * 60;
  const daily = Math.ceil(minutes / 1_440);
  let midnights = 0;
  return times.filter((seconds) => {
    const { hour, minute } = localTime(zone, seconds * 1_000);
    const ofDay = hour * 60 + minute;
    if (minutes < 1_440) return ofDay % minutes === 0;
    return ofDay === 0 && midnights++ % daily === 0;
  });
}
