import {
  type Granularity,
  granularities,
  isTimeZone,
  type Metric,
  metrics,
  productSorts,
} from "@weir/protocol";
import { member } from "../data/member.ts";
import { type Preset, presets, type RangeChoice } from "../range/range.ts";
import { readLocal } from "../range/zone.ts";

export type ProductSort = (typeof productSorts)[number];

/** Everything that decides what Overview shows. It is kept in the address, so that a link shows the same. */
export interface OverviewState {
  readonly range: RangeChoice;
  readonly granularity: Granularity | "auto";
  readonly zone: string;
  readonly metric: Metric;
  /** Of the revenue chart and of products by revenue; null: the currency with the most revenue. */
  readonly currency: string | null;
  readonly compare: boolean;
  /** The chart shows only events of this type; null: of all types. */
  readonly eventType: string | null;
  readonly sort: ProductSort;
}

/** Reads an address. Missing and invalid parameters take their defaults. */
export function readOverviewState(query: URLSearchParams, defaultZone: string): OverviewState {
  const zone = query.get("tz");
  const currency = query.get("currency");
  const eventType = query.get("type");
  const knownZone = zone !== null && isTimeZone(zone) ? zone : defaultZone;
  return {
    range: readRange(query, knownZone),
    granularity: member(granularities, query.get("by")) ?? "auto",
    zone: knownZone,
    metric: member(metrics, query.get("metric")) ?? "events",
    currency: currency === null || currency === "" ? null : currency.slice(0, 12),
    compare: query.get("compare") !== "0",
    eventType: eventType === null || eventType === "" ? null : eventType.slice(0, 128),
    sort: member(productSorts, query.get("sort")) ?? "revenue",
  };
}

/** Writes an address: range and zone always, because they decide the numbers; the rest if not default. */
export function writeOverviewState(state: OverviewState): URLSearchParams {
  const query = new URLSearchParams();
  if (state.range.kind === "preset") {
    query.set("range", state.range.preset);
  } else {
    query.set("from", state.range.from);
    query.set("to", state.range.to);
  }
  query.set("tz", state.zone);
  if (state.granularity !== "auto") query.set("by", state.granularity);
  if (state.metric !== "events") query.set("metric", state.metric);
  if (state.currency !== null) query.set("currency", state.currency);
  if (!state.compare) query.set("compare", "0");
  if (state.eventType !== null) query.set("type", state.eventType);
  if (state.sort !== "revenue") query.set("sort", state.sort);
  return query;
}

function readRange(query: URLSearchParams, zone: string): RangeChoice {
  const from = query.get("from");
  const to = query.get("to");
  if (from !== null && to !== null) {
    const start = readLocal(zone, from);
    const end = readLocal(zone, to);
    if (start !== undefined && end !== undefined && start < end)
      return { kind: "custom", from, to };
  }
  const preset: Preset = member(presets, query.get("range")) ?? "24h";
  return { kind: "preset", preset };
}
