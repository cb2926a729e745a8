import { type Metrics, secondsBuckets } from "../../core/ports/metrics.ts";
import type { EmbedCounts } from "./embed/embed-texts.ts";
import type { RefreshRound } from "./points/refresh.ts";
import type { PageReport } from "./worker.ts";

const pageBuckets = [1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 50_000];

/** What the workers of the stream do in this process. */
export function observeStream(metrics: Metrics) {
  const events = metrics.counter({
    name: "weir_stream_events_total",
    help: "Raw events that went through the steps",
  });
  const dropped = metrics.counter({
    name: "weir_stream_dropped_total",
    help: "Events skipped on purpose, by reason",
    labels: ["reason"],
  });
  const deadLetters = metrics.counter({
    name: "weir_stream_dead_letters_total",
    help: "Events that became dead letters, by reason",
    labels: ["reason"],
  });
  const points = metrics.counter({
    name: "weir_stream_points_total",
    help: "Points of products and users written",
  });
  const pages = metrics.histogram({
    name: "weir_stream_page_events",
    help: "Events in a page",
    buckets: pageBuckets,
  });
  const seconds = metrics.histogram({
    name: "weir_stream_page_seconds",
    help: "Duration of a page, from reading it to its commit",
    buckets: secondsBuckets,
  });
  const lag = metrics.histogram({
    name: "weir_stream_lag_seconds",
    help: "Time from the receipt of a page's oldest event to the commit of its effects",
    buckets: secondsBuckets,
  });
  const refresh = metrics.histogram({
    name: "weir_stream_refresh_seconds",
    help: "Duration of a round that updates the points of changed products and users",
    buckets: secondsBuckets,
  });
  const waited = metrics.gauge({
    name: "weir_stream_refresh_waited_seconds",
    help: "Longest time that a change waited until the last round updated its point",
  });
  const texts = metrics.counter({
    name: "weir_embedder_texts_total",
    help: "Texts that needed a vector, by where it came from",
    labels: ["from"],
  });
  const embedding = metrics.histogram({
    name: "weir_embedder_seconds",
    help: "Duration of embedding the new texts of a page",
    buckets: secondsBuckets,
  });
  const totals = { stream_events: 0, stream_points: 0, stream_dead: 0, stream_lag_ms: 0 };
  return {
    page(page: PageReport) {
      events.inc(page.events);
      points.inc(page.points);
      pages.observe(page.events);
      seconds.observe(page.milliseconds / 1000);
      lag.observe(page.lagMs / 1000);
      for (const [reason, count] of page.dropped) dropped.inc({ reason }, count);
      for (const { reason } of page.dead) deadLetters.inc({ reason });
      totals.stream_events += page.events;
      totals.stream_points += page.points;
      totals.stream_dead += page.dead.length;
      totals.stream_lag_ms = page.lagMs;
    },
    refreshed(round: RefreshRound) {
      points.inc(round.points);
      waited.set(round.waitedMs / 1000);
      refresh.observe(round.milliseconds / 1000);
    },
    embedded(counts: EmbedCounts) {
      if (counts.texts === 0) return;
      texts.inc({ from: "cache" }, counts.cached);
      texts.inc({ from: "embedder" }, counts.embedded);
      if (counts.embedded > 0) embedding.observe(counts.milliseconds / 1000);
    },
    counters: (): Readonly<Record<string, number>> => totals,
  };
}
