"use client";
import type { Breakdown, Meta, Overview, Series, TopProducts } from "@weir/protocol";
import { useCallback, useEffect, useMemo } from "react";
import { CopyCode, sampleCommand } from "../controls/copy-code.tsx";
import { Empty, FailureNote } from "../controls/states.tsx";
import { type Query, useQuery } from "../data/data-context.tsx";
import { addressOf } from "../data/request.ts";
import { useNavigation } from "../frame/navigation.tsx";
import { browserZone, useFormats, useLanguage } from "../language/language-context.tsx";
import { chartSpan, previousSpan } from "../range/previous-span.ts";
import { granularityFor, resolveRange, type Span } from "../range/range.ts";
import { RangeBar } from "../range/range-bar.tsx";
import { rangeText } from "../range/range-text.ts";
import { useMinute } from "../range/use-clock.ts";
import { EventTypesPanel } from "./event-types-panel.tsx";
import { FigureStrip, mainCurrency } from "./figure-strip.tsx";
import { type OverviewState, readOverviewState, writeOverviewState } from "./overview-state.ts";
import { ProductsPanel } from "./products-panel.tsx";
import { SeriesPanel } from "./series-panel.tsx";

const pollMs = 2_000;
/** The past moves only when late events come in. */
const pastPollMs = 60_000;

export function OverviewScreen() {
  const { state, span, change } = useOverviewState();
  const before = previousSpan(state.range, state.zone, span);
  const overview = useQuery<Overview>(overviewAddress(state, span), pollMs);
  const overviewBefore = useQuery<Overview>(overviewAddress(state, before), pastPollMs);
  const meta = useQuery<Meta>("/api/meta");
  const current = overview.data?.current;
  const previous = overviewBefore.data?.current;
  const currency = mainCurrency(state.currency, current, previous);
  // Revenue needs a currency, which the overview's answer may have to name first.
  const waits = state.metric === "revenue" && currency === null;
  const lines = linesOf(state, span, currency);
  const series = useQuery<Series>(waits ? null : lines.now, pollMs);
  const seriesBefore = useQuery<Series>(waits || !state.compare ? null : lines.before, pastPollMs);
  const productsAt = productsAddress(state, span, currency);
  const products = useQuery<TopProducts>(productsAt, pollMs);
  const typesAt = typesAddress(state, span, 10);
  const types = useQuery<Breakdown>(typesAt, pollMs);
  const typesBefore = useQuery<Breakdown>(typesAddress(state, before, 100), pastPollMs);
  const pickMetric = useCallback((metric: OverviewState["metric"]) => change({ metric }), [change]);
  const pickType = useCallback(
    (eventType: string | null) =>
      change(eventType === null ? { eventType } : { eventType, metric: "events" }),
    [change],
  );
  const isEmpty = current !== undefined && current.events === 0 && !overview.stale;
  const neverAny = isEmpty && meta.data !== undefined && meta.data.first_event_at === null;
  useFirstEvent(neverAny || current === undefined ? undefined : current.events, meta);
  return (
    <div className="flex flex-col gap-4">
      <RangeBar state={state} span={span} onChange={change} />
      <RangeLine span={span} before={before} zone={state.zone} />
      {overview.failure === undefined ? null : (
        <FailureNote failure={overview.failure} onRetry={overview.refresh} />
      )}
      {neverAny ? (
        <NoEvents />
      ) : (
        <>
          <div className={overview.stale ? "opacity-50" : ""}>
            <FigureStrip
              current={current}
              previous={previous}
              failed={overview.failure !== undefined}
              state={state}
              currency={currency}
              onPick={pickMetric}
            />
          </div>
          {isEmpty ? <NothingInRange meta={meta.data} state={state} onChange={change} /> : null}
          <SeriesPanel
            query={series}
            before={state.compare ? matching(seriesBefore, series) : null}
            state={state}
            currency={currency}
            currencies={meta.data?.currencies ?? []}
            csv={csvOf(waits ? null : lines.now)}
            above={overview.failure}
            onChange={change}
          />
          <div className="grid gap-4 xl:grid-cols-[3fr_2fr]">
            <ProductsPanel
              query={products}
              state={state}
              currency={currency}
              csv={csvOf(productsAt)}
              above={overview.failure}
              onChange={change}
            />
            <EventTypesPanel
              query={types}
              before={typesBefore.stale ? undefined : typesBefore.data}
              state={state}
              csv={csvOf(typesAt)}
              above={overview.failure}
              onPick={pickType}
            />
          </div>
        </>
      )}
    </div>
  );
}

/** The state in the address, and what range it means now. */
function useOverviewState() {
  const navigation = useNavigation();
  const now = useMinute();
  const text = navigation.query.toString();
  const state = useMemo(() => readOverviewState(new URLSearchParams(text), browserZone), [text]);
  const canonical = writeOverviewState(state).toString();
  // A link must show the same to whoever gets it: range and zone are written out from the start.
  useEffect(() => {
    if (canonical !== text) navigation.setQuery(new URLSearchParams(canonical), "replace");
  }, [canonical, text, navigation]);
  const change = useCallback(
    (next: Partial<OverviewState>) => {
      // Only events are counted by type: another metric lets go of the chosen one.
      const other = next.metric !== undefined && next.metric !== "events";
      const eventType = other ? { eventType: null } : {};
      navigation.setQuery(writeOverviewState({ ...state, ...next, ...eventType }));
    },
    [navigation, state],
  );
  const span = useMemo(
    () =>
      resolveRange(state.range, state.zone, now) ??
      resolveRange({ kind: "preset", preset: "24h" }, state.zone, now) ?? { from: now, to: now },
    [state.range, state.zone, now],
  );
  return { state, span, change };
}

function rangeOf(state: OverviewState, span: Span) {
  return {
    from: new Date(span.from).toISOString(),
    to: new Date(span.to).toISOString(),
    time_zone: state.zone,
  };
}

function overviewAddress(state: OverviewState, span: Span): string {
  return addressOf("/api/analytics/overview", rangeOf(state, span));
}

/** The chart's two lines: whole buckets of now, and of the same clock before. */
function linesOf(state: OverviewState, span: Span, currency: string | null) {
  const granularity = granularityFor(state.granularity, span);
  const whole = chartSpan(state.range, span, { zone: state.zone, granularity });
  const line = (range: Span) =>
    addressOf("/api/analytics/series", {
      ...rangeOf(state, range),
      metric: state.metric,
      granularity,
      currency: state.metric === "revenue" ? currency : null,
      event_type: state.metric === "events" ? state.eventType : null,
    });
  return { now: line(whole), before: line(previousSpan(state.range, state.zone, whole)) };
}

function productsAddress(state: OverviewState, span: Span, currency: string | null): string {
  return addressOf("/api/analytics/products", {
    ...rangeOf(state, span),
    sort: state.sort,
    currency: state.sort === "revenue" ? currency : null,
    limit: 10,
  });
}

function typesAddress(state: OverviewState, span: Span, limit: number): string {
  const asked = { by: "event_type", metric: "events", limit };
  return addressOf("/api/analytics/breakdown", { ...rangeOf(state, span), ...asked });
}

const noPoints: Series["points"] = [];

/** The points before, once they answer the same question as the ones shown. */
function matching(before: Query<Series>, shown: Query<Series>): Series["points"] {
  const fits =
    !before.stale &&
    before.data?.metric === shown.data?.metric &&
    before.data?.granularity === shown.data?.granularity;
  return (fits ? before.data?.points : undefined) ?? noPoints;
}

function csvOf(address: string | null): string | null {
  return address === null ? null : `${address}&format=csv`;
}

/** With the first event there are new types, sources and currencies to pick from. */
function useFirstEvent(
  events: number | undefined,
  meta: { data: Meta | undefined; refresh(): void },
) {
  const { data, refresh } = meta;
  useEffect(() => {
    if (events !== undefined && events > 0 && data?.first_event_at === null) refresh();
  }, [events, data, refresh]);
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

function NoEvents() {
  const { t } = useLanguage();
  return (
    <section className="panel">
      <Empty title={t("overview.empty.title")}>
        <p className="text-muted">{t("overview.empty.text")}</p>
        <CopyCode text={sampleCommand(window.location.origin)} label={t("overview.empty.title")} />
      </Empty>
    </section>
  );
}

function NothingInRange(props: {
  meta: Meta | undefined;
  state: OverviewState;
  onChange: (change: Partial<OverviewState>) => void;
}) {
  const { t } = useLanguage();
  const formats = useFormats(props.state.zone);
  const first = props.meta?.first_event_at;
  return (
    <section className="panel">
      <Empty title={t("overview.empty.range.title")}>
        {first === undefined || first === null ? null : (
          <p className="text-muted">
            {t("overview.empty.range.text", { at: formats.full(Date.parse(first)) })}
          </p>
        )}
        <button
          type="button"
          className="btn self-start"
          onClick={() => props.onChange({ range: { kind: "preset", preset: "30d" } })}
        >
          {t("overview.empty.range.all")}
        </button>
      </Empty>
    </section>
  );
}
