"use client";
import type { Series } from "@weir/protocol";
import { memo, useCallback, useMemo, useState } from "react";
import { chartColumns } from "../chart/series-points.ts";
import { TimeChart } from "../chart/time-chart.tsx";
import type { Formats } from "../format/formats.ts";
import { useFormats, useLanguage } from "../language/language-context.tsx";
import { bucketText } from "../range/range-text.ts";
import { metricValue } from "./metric-value.ts";
import { SeriesReadout, SeriesSummary } from "./series-readout.tsx";
import { SeriesTable } from "./series-table.tsx";

interface SeriesViewProps extends Pick<Series, "points" | "granularity" | "metric" | "currency"> {
  readonly previous: Series["points"] | null;
  readonly zone: string;
  readonly table: boolean;
}

/** The points as a chart or as a table. Rendered again only when a point has changed. */
export const SeriesView = memo(function SeriesView(props: SeriesViewProps) {
  const { points, previous, granularity, metric, currency, zone, table } = props;
  const { t } = useLanguage();
  const formats = useFormats(zone);
  const [cursor, setCursor] = useState<number>();
  const columns = useMemo(
    () => chartColumns({ points, previous, granularity }, Date.now()),
    [points, previous, granularity],
  );
  const write = useCallback(
    (value: string | number, short = false) =>
      metricValue(metric, value, { formats, currency, short }),
    [metric, formats, currency],
  );
  const textAt = (index: number) => {
    const point = points[index];
    if (point === undefined) return "";
    const before = previous?.[index];
    const time = bucketText(Date.parse(point.start), granularity, formats);
    const earlier =
      before === undefined ? "" : `; ${t("overview.compare")}: ${write(before.value)}`;
    return `${time}: ${write(point.value)}${earlier}`;
  };
  if (table) return <SeriesTable {...props} write={write} formats={formats} />;
  return (
    <>
      <SeriesReadout {...props} index={cursor} columns={columns} write={write} formats={formats} />
      <div className="px-2">
        <TimeChart
          columns={columns}
          zone={zone}
          granularity={granularity}
          label={t("overview.chart.keys", { metric: t(`metric.${metric}`) })}
          tick={tickWriter(granularity, columns.times, formats)}
          value={(value) => write(String(value), true)}
          textAt={textAt}
          onCursor={setCursor}
        />
      </div>
      <SeriesSummary
        points={points}
        metric={metric}
        granularity={granularity}
        write={write}
        formats={formats}
      />
    </>
  );
});

/** Writes the ticks: the time of day, and the date at midnight and for days. */
function tickWriter(
  granularity: Series["granularity"],
  times: readonly number[],
  formats: Formats,
): (seconds: number) => string {
  const days = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 86_400;
  if (granularity === "day" || days > 4) return (seconds) => formats.day(seconds * 1_000);
  return (seconds) => {
    const clock = formats.clock(seconds * 1_000);
    return clock === "00:00" ? formats.day(seconds * 1_000) : clock;
  };
}
