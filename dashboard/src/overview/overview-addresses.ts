/** The requests of Overview. */
import { addressOf } from "../data/request.ts";
import { chartSpan, previousSpan } from "../range/previous-span.ts";
import { granularityFor, type Span } from "../range/range.ts";
import type { OverviewState } from "./overview-state.ts";

function rangeOf(state: OverviewState, span: Span) {
  return {
    from: new Date(span.from).toISOString(),
    to: new Date(span.to).toISOString(),
    time_zone: state.zone,
  };
}

export function overviewAddress(state: OverviewState, span: Span): string {
  return addressOf("/api/analytics/overview", rangeOf(state, span));
}

/** The chart's two lines: whole buckets of the current period, and the same hours of the previous one. */
export function linesOf(state: OverviewState, span: Span, currency: string | null) {
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

export function productsAddress(state: OverviewState, span: Span, currency: string | null): string {
  return addressOf("/api/analytics/products", {
    ...rangeOf(state, span),
    sort: state.sort,
    currency: state.sort === "revenue" ? currency : null,
    limit: 10,
  });
}

export function typesAddress(state: OverviewState, span: Span, limit: number): string {
  const question = { by: "event_type", metric: "events", limit };
  return addressOf("/api/analytics/breakdown", { ...rangeOf(state, span), ...question });
}

export function csvOf(address: string | null): string | null {
  return address === null ? null : `${address}&format=csv`;
}
