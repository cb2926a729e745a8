"use client";
import type { Breakdown, Meta, Overview, Series, TopProducts } from "@weir/protocol";
import { useEffect } from "react";
import { type Query, useQuery } from "../data/data-context.tsx";
import { previousSpan } from "../range/previous-span.ts";
import type { Span } from "../range/range.ts";
import {
  csvOf,
  linesOf,
  overviewAddress,
  productsAddress,
  typesAddress,
} from "./overview-addresses.ts";
import type { OverviewState } from "./overview-state.ts";
import { mainCurrency } from "./revenue.ts";

const pollMs = 2_000;
/** The past changes only when late events arrive. */
const pastPollMs = 60_000;

/** Everything that Overview asks the server for, kept up to date. */
export function useOverviewData(state: OverviewState, span: Span) {
  const before = previousSpan(state.range, state.zone, span);
  const figures = useQuery<Overview>(overviewAddress(state, span), pollMs);
  const figuresBefore = useQuery<Overview>(overviewAddress(state, before), pastPollMs);
  const meta = useQuery<Meta>("/api/meta");
  const current = figures.data?.current;
  const previous = figuresBefore.data?.current;
  const currency = mainCurrency(state.currency, current, previous);
  useFirstEvent(current?.events, meta);
  return {
    before,
    figures,
    current,
    previous,
    currency,
    meta: meta.data,
    series: useSeries(state, span, currency),
    products: useProducts(state, span, currency),
    types: useTypes(state, span, before),
  };
}

/** The chart's line and the points of the previous period; null without a comparison. */
function useSeries(state: OverviewState, span: Span, currency: string | null) {
  // Revenue needs a currency, which the answer of the figures may have to name first.
  const isReady = state.metric !== "revenue" || currency !== null;
  const lines = linesOf(state, span, currency);
  const query = useQuery<Series>(isReady ? lines.now : null, pollMs);
  const before = useQuery<Series>(isReady && state.compare ? lines.before : null, pastPollMs);
  return {
    query,
    before: state.compare ? matching(before, query) : null,
    csv: csvOf(isReady ? lines.now : null),
  };
}

function useProducts(state: OverviewState, span: Span, currency: string | null) {
  const address = productsAddress(state, span, currency);
  return { query: useQuery<TopProducts>(address, pollMs), csv: csvOf(address) };
}

function useTypes(state: OverviewState, span: Span, before: Span) {
  const address = typesAddress(state, span, 10);
  const query = useQuery<Breakdown>(address, pollMs);
  const earlier = useQuery<Breakdown>(typesAddress(state, before, 100), pastPollMs);
  return { query, before: earlier.stale ? undefined : earlier.data, csv: csvOf(address) };
}

const noPoints: Series["points"] = [];

/** The previous points, once they answer the same question as the ones shown. */
function matching(before: Query<Series>, shown: Query<Series>): Series["points"] {
  const fits =
    !before.stale &&
    before.data?.metric === shown.data?.metric &&
    before.data?.granularity === shown.data?.granularity;
  return (fits ? before.data?.points : undefined) ?? noPoints;
}

/** The first event brings types, sources and currencies to select from. */
function useFirstEvent(
  events: number | undefined,
  meta: { data: Meta | undefined; refresh(): void },
) {
  const { data, refresh } = meta;
  useEffect(() => {
    if (events !== undefined && events > 0 && data?.first_event_at === null) refresh();
  }, [events, data, refresh]);
}
