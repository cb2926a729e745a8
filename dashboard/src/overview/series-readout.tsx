"use client";
import type { Metric, Series } from "@weir/protocol";
import { type ChartColumns, summaryOf } from "../chart/series-points.ts";
import type { Formats } from "../format/formats.ts";
import { useLanguage } from "../language/language-context.tsx";
import { bucketText } from "../range/range-text.ts";
import { changeOf, changeOfShare } from "./change.ts";
import { ChangeNote } from "./change-note.tsx";
import { isAdditive } from "./metric-value.ts";

interface SeriesReadoutProps extends Pick<Series, "points" | "granularity" | "metric"> {
  readonly previous: Series["points"] | null;
  readonly index: number | undefined;
  readonly columns: ChartColumns;
  readonly formats: Formats;
  write(value: string | number): string;
}

/** The values under the cursor, or the legend without one. Its height is fixed, so that nothing moves. */
export function SeriesReadout({
  index,
  points,
  previous,
  granularity,
  metric,
  columns,
  formats,
  write,
}: SeriesReadoutProps) {
  const { t } = useLanguage();
  const point = index === undefined ? undefined : points[index];
  const before = index === undefined ? undefined : previous?.[index];
  const share = metric === "conversion";
  const change = share ? changeOfShare : changeOf;
  const filling = columns.unfinished.findLastIndex((value) => value !== null);
  return (
    <p className="flex h-10 items-center gap-x-4 overflow-hidden px-4 text-[.8rem] whitespace-nowrap text-muted sm:text-[.867rem]">
      {point === undefined ? null : (
        <span className="font-medium text-ink">
          {bucketText(Date.parse(point.start), granularity, formats)}
        </span>
      )}
      <span className="flex items-center gap-2">
        <span aria-hidden="true" className="h-0.5 w-4 bg-accent" />
        {point === undefined ? (
          t("overview.now")
        ) : (
          <strong className="text-ink">{write(point.value)}</strong>
        )}
        {filling >= 0 && (point === undefined || index === filling) ? (
          <span className="text-faint">
            {point === undefined
              ? `· · · ${t("overview.unfinished")}`
              : `(${t("overview.unfinished")})`}
          </span>
        ) : null}
      </span>
      {previous === null ? null : (
        <span className="flex min-w-0 items-center gap-2">
          <span aria-hidden="true" className="w-4 border-t-2 border-dashed border-compare" />
          {before === undefined ? t("overview.compare") : write(before.value)}
          {point === undefined || before === undefined ? null : (
            <ChangeNote
              change={change(Number(point.value), Number(before.value))}
              before={write(before.value)}
              formats={formats}
            />
          )}
        </span>
      )}
    </p>
  );
}

/** The line in one sentence, for screen readers and for exact numbers. */
export function SeriesSummary(props: {
  points: Series["points"];
  metric: Metric;
  granularity: Series["granularity"];
  formats: Formats;
  write: (value: string | number) => string;
}) {
  const { points, metric, granularity, formats, write } = props;
  const { t } = useLanguage();
  const summary = summaryOf({ points, granularity }, Date.now());
  if (summary === undefined) return <div className="h-4" />;
  const values = {
    high: write(summary.highest.value),
    highAt: bucketText(Date.parse(summary.highest.start), granularity, formats),
    low: write(summary.lowest.value),
    lowAt: bucketText(Date.parse(summary.lowest.start), granularity, formats),
  };
  return (
    <p className="px-4 pt-1 pb-3.5 text-[.8rem] text-faint">
      {isAdditive(metric)
        ? t("overview.summary.total", { ...values, total: write(summary.total) })
        : t("overview.summary.range", values)}
    </p>
  );
}
