"use client";
import type { Series } from "@weir/protocol";
import { useState } from "react";
import { PanelBody } from "../controls/panel-body.tsx";
import { PanelHead } from "../controls/panel-head.tsx";
import { Skeleton } from "../controls/states.tsx";
import type { Query } from "../data/data-context.tsx";
import type { Failure } from "../data/request.ts";
import { useShortcut } from "../frame/shortcut-context.tsx";
import { useLanguage } from "../language/language-context.tsx";
import type { OverviewState } from "./overview-state.ts";
import { SeriesPickers } from "./series-pickers.tsx";
import { SeriesView } from "./series-view.tsx";

interface SeriesPanelProps {
  readonly query: Query<Series>;
  /** The points of the previous period; null when the comparison is off. */
  readonly before: Series["points"] | null;
  readonly state: OverviewState;
  readonly currency: string | null;
  readonly currencies: readonly string[];
  readonly csv: string | null;
  /** Why the whole screen failed. */
  readonly above: Failure | undefined;
  onChange(change: Partial<OverviewState>): void;
}

/** One metric over time with the previous period: as lines, as a sentence, or as a table. */
export function SeriesPanel(props: SeriesPanelProps) {
  const { query, before, state, csv, above, onChange } = props;
  const { t } = useLanguage();
  const [table, setTable] = useState(false);
  useShortcut("table", () => setTable(!table));
  useShortcut("compare", () => onChange({ compare: !state.compare }));
  const title = t("overview.chart.title", { metric: t(`metric.${state.metric}`) });
  return (
    <section className="panel" aria-label={title}>
      <PanelHead title={title} csv={csv} lead={<SeriesPickers {...props} />}>
        <button
          type="button"
          className="btn btn-small"
          aria-pressed={table}
          onClick={() => setTable(!table)}
        >
          {table ? t("overview.chart") : t("overview.table")}
        </button>
      </PanelHead>
      <PanelBody query={query} above={above} skeleton={<ChartSkeleton />}>
        {({ points, granularity, metric, currency }) => (
          <SeriesView
            points={points}
            previous={before}
            granularity={granularity}
            metric={metric}
            currency={currency}
            zone={state.zone}
            table={table}
          />
        )}
      </PanelBody>
    </section>
  );
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
