"use client";
import { metrics, type Series } from "@weir/protocol";
import { memo, useCallback, useMemo, useState } from "react";
import { chartColumns } from "../chart/series-points.ts";
import { TimeChart } from "../chart/time-chart.tsx";
import { Icon } from "../controls/icons.tsx";
import { PanelFailure, Skeleton } from "../controls/states.tsx";
import type { Query } from "../data/data-context.tsx";
import type { Failure } from "../data/request.ts";
import type { Formats } from "../format/formats.ts";
import { useShortcut } from "../frame/shortcut-context.tsx";
import { useFormats, useLanguage } from "../language/language-context.tsx";
import { bucketText } from "../range/range-text.ts";
import { metricValue } from "./metric-value.ts";
import type { OverviewState } from "./overview-state.ts";
import { SeriesReadout, SeriesSummary } from "./series-readout.tsx";
import { SeriesTable } from "./series-table.tsx";

interface SeriesPanelProps {
  readonly query: Query<Series>;
  /** Of the period before; null when nobody wants to compare. */
  readonly before: Series["points"] | null;
  readonly state: OverviewState;
  readonly currency: string | null;
  readonly currencies: readonly string[];
  readonly csv: string | null;
  /** Why the whole page failed, which then need not be said again. */
  readonly above: Failure | undefined;
  onChange(change: Partial<OverviewState>): void;
}

/** One metric over time, with the period before: as lines, as a sentence, or as a table. */
export function SeriesPanel(props: SeriesPanelProps) {
  const { query, before, state, csv, above, onChange } = props;
  const { t } = useLanguage();
  const [table, setTable] = useState(false);
  useShortcut("table", () => setTable(!table));
  useShortcut("compare", () => onChange({ compare: !state.compare }));
  const title = t("overview.chart.title", { metric: t(`metric.${state.metric}`) });
  return (
    <section className="panel" aria-label={title}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 pt-3">
        <SeriesPickers {...props} />
        <div className="ml-auto flex items-center gap-2">
          <button
            type="button"
            className="btn btn-small"
            aria-pressed={table}
            onClick={() => setTable(!table)}
          >
            {table ? t("overview.chart") : t("overview.table")}
          </button>
          {csv === null ? null : (
            <a
              className="btn btn-small"
              href={csv}
              download
              aria-label={t("app.csv.of", { what: title })}
            >
              <Icon name="download" size={15} />
              {t("app.csv")}
            </a>
          )}
        </div>
      </div>
      <PanelFailure query={query} above={above} />
      {query.data === undefined ? (
        query.failure === undefined ? (
          <ChartSkeleton />
        ) : (
          <div className="h-4" />
        )
      ) : (
        <div className={query.stale ? "opacity-50" : ""}>
          <SeriesView
            points={query.data.points}
            previous={before}
            granularity={query.data.granularity}
            metric={query.data.metric}
            currency={query.data.currency}
            zone={state.zone}
            table={table}
          />
        </div>
      )}
    </section>
  );
}

function SeriesPickers({ state, currency, currencies, onChange }: SeriesPanelProps) {
  const { t } = useLanguage();
  return (
    <>
      <select
        className="field font-semibold"
        aria-label={t("metric.label")}
        value={state.metric}
        onChange={(event) =>
          onChange({ metric: metrics.find((metric) => metric === event.target.value) ?? "events" })
        }
      >
        {metrics.map((metric) => (
          <option key={metric} value={metric}>
            {t(`metric.${metric}`)}
          </option>
        ))}
      </select>
      {state.metric === "revenue" && currencies.length > 0 ? (
        <select
          className="field"
          aria-label={t("overview.currency")}
          value={currency ?? ""}
          onChange={(event) => onChange({ currency: event.target.value })}
        >
          {[...new Set([...(currency === null ? [] : [currency]), ...currencies])].map((code) => (
            <option key={code}>{code}</option>
          ))}
        </select>
      ) : null}
      {state.eventType === null ? null : (
        <span className="badge gap-1 pr-1">
          {t("overview.filter")} <strong className="text-ink">{state.eventType}</strong>
          <button
            type="button"
            className="rounded p-0.5 hover:bg-sunken"
            aria-label={t("overview.filter.remove")}
            onClick={() => onChange({ eventType: null })}
          >
            <Icon name="close" size={13} />
          </button>
        </span>
      )}
    </>
  );
}

interface SeriesViewProps extends Pick<Series, "points" | "granularity" | "metric" | "currency"> {
  readonly previous: Series["points"] | null;
  readonly zone: string;
  readonly table: boolean;
}

/** Drawn anew only when a point has changed, not with every answer. */
const SeriesView = memo(function SeriesView(props: SeriesViewProps) {
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

/** Writes the ticks: the clock inside a day, the day's name at midnight and for days. */
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

function ChartSkeleton() {
  const { t } = useLanguage();
  return (
    <div className="flex flex-col gap-3 p-4">
      <span className="sr-only">{t("app.loading")}</span>
      <Skeleton className="h-4 w-60" />
      <Skeleton className="h-[262px] w-full" />
      <Skeleton className="h-3.5 w-80 max-w-full" />
    </div>
  );
}
