import type { Series } from "@weir/protocol";
import { dayMs, hourMs, minuteMs } from "../range/zone.ts";

/** A series as columns for drawing; `null` leaves a hole. Times are seconds since the epoch. */
export interface ChartColumns {
  readonly times: readonly number[];
  readonly values: readonly (number | null)[];
  /** The last two points while the last bucket is incomplete; holes elsewhere. */
  readonly unfinished: readonly (number | null)[];
  readonly previous: readonly (number | null)[] | null;
}

/** A series and the points of the previous period, in the same order and number. */
export interface SeriesLines extends Pick<Series, "points" | "granularity"> {
  readonly previous: Series["points"] | null;
}

/** @param now milliseconds: a bucket that ends later is incomplete, one that starts later is empty */
export function chartColumns(series: SeriesLines, now: number): ChartColumns {
  const { points, previous } = series;
  const starts = points.map(({ start }) => Date.parse(start));
  const begun = starts.filter((start) => start <= now).length;
  const last = begun - 1;
  const fills = last > 0 && (starts[last] ?? 0) + lengths[series.granularity] > now;
  const value = (index: number) => Number(points[index]?.value);
  return {
    times: starts.map((start) => start / 1_000),
    values: starts.map((_, index) =>
      index > last || (fills && index === last) ? null : value(index),
    ),
    unfinished: starts.map((_, index) =>
      fills && (index === last || index === last - 1) ? value(index) : null,
    ),
    previous: previous?.map((point) => Number(point.value)).slice(0, points.length) ?? null,
  };
}

const lengths = { minute: minuteMs, hour: hourMs, day: dayMs } as const;

/** The summary of a series: its total, its highest and its lowest point. */
export interface SeriesSummary {
  readonly total: number;
  readonly highest: { readonly start: string; readonly value: string };
  readonly lowest: { readonly start: string; readonly value: string };
}

/** Of the buckets that have begun by `now`. The lowest is that of a complete bucket, if there is one. */
export function summaryOf(
  { points, granularity }: Pick<Series, "points" | "granularity">,
  now: number,
): SeriesSummary | undefined {
  const begun = points.filter(({ start }) => Date.parse(start) <= now);
  const ended = begun.filter(({ start }) => Date.parse(start) + lengths[granularity] <= now);
  const [first] = begun;
  if (first === undefined) return undefined;
  let total = 0;
  let highest = first;
  let lowest = ended[0] ?? first;
  for (const point of begun) {
    total += Number(point.value);
    if (Number(point.value) > Number(highest.value)) highest = point;
  }
  for (const point of ended) if (Number(point.value) < Number(lowest.value)) lowest = point;
  return { total, highest, lowest };
}

/** The index that a key moves the cursor to; undefined for other keys. */
export function moveCursor(
  key: string,
  index: number | undefined,
  count: number,
): number | undefined {
  const last = count - 1;
  const at = index ?? last;
  const page = Math.max(1, Math.round(count / 10));
  const target: Readonly<Record<string, number>> = {
    ArrowLeft: index === undefined ? last : at - 1,
    ArrowRight: index === undefined ? last : at + 1,
    PageUp: at - page,
    PageDown: at + page,
    Home: 0,
    End: last,
  };
  const to = target[key];
  return to === undefined || count === 0 ? undefined : Math.min(last, Math.max(0, to));
}
