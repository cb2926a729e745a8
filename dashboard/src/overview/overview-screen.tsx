"use client";
import { useCallback } from "react";
import { FailureNote } from "../controls/states.tsx";
import { useFormats, useLanguage } from "../language/language-context.tsx";
import type { Span } from "../range/range.ts";
import { RangeBar } from "../range/range-bar.tsx";
import { rangeText } from "../range/range-text.ts";
import { EventTypesPanel } from "./event-types-panel.tsx";
import { FigureStrip } from "./figure-strip.tsx";
import { NoEvents, NoEventsInRange } from "./no-events.tsx";
import type { OverviewState } from "./overview-state.ts";
import { ProductsPanel } from "./products-panel.tsx";
import { SeriesPanel } from "./series-panel.tsx";
import { useOverviewData } from "./use-overview-data.ts";
import { useOverviewState } from "./use-overview-state.ts";

/** The key metrics of a time range, one of them as a chart, the top products and the event types. */
export function OverviewScreen() {
  const { state, span, change } = useOverviewState();
  const data = useOverviewData(state, span);
  const { before, figures, current, currency, meta, series, products, types } = data;
  const pickMetric = useCallback((metric: OverviewState["metric"]) => change({ metric }), [change]);
  const pickType = useCallback(
    (eventType: string | null) =>
      change(eventType === null ? { eventType } : { eventType, metric: "events" }),
    [change],
  );
  const isEmpty = current !== undefined && current.events === 0 && !figures.stale;
  const hasNoEvent = isEmpty && meta !== undefined && meta.first_event_at === null;
  const above = figures.failure;
  return (
    <div className="flex flex-col gap-4">
      <RangeBar state={state} span={span} onChange={change} />
      <RangeLine span={span} before={before} zone={state.zone} />
      {above === undefined ? null : <FailureNote failure={above} onRetry={figures.refresh} />}
      {hasNoEvent ? (
        <NoEvents />
      ) : (
        <>
          <div className={figures.stale ? "opacity-50" : ""}>
            <FigureStrip
              current={current}
              previous={data.previous}
              failed={above !== undefined}
              state={state}
              currency={currency}
              onPick={pickMetric}
            />
          </div>
          {isEmpty ? <NoEventsInRange meta={meta} state={state} onChange={change} /> : null}
          <SeriesPanel
            {...series}
            state={state}
            currency={currency}
            currencies={meta?.currencies ?? []}
            above={above}
            onChange={change}
          />
          <div className="grid gap-4 xl:grid-cols-[3fr_2fr]">
            <ProductsPanel
              {...products}
              state={state}
              currency={currency}
              above={above}
              onChange={change}
            />
            <EventTypesPanel {...types} state={state} above={above} onPick={pickType} />
          </div>
        </>
      )}
    </div>
  );
}

function RangeLine({ span, before, zone }: { span: Span; before: Span; zone: string }) {
  const { t } = useLanguage();
  const formats = useFormats(zone);
  return (
    <p className="-mt-1.5 min-h-5 text-[.8rem] text-muted">
      <span className="text-ink">{rangeText(span, formats)}</span>{" "}
      {t("range.compared", { range: rangeText(before, formats) })}
    </p>
  );
}
