import type { Granularity } from "@weir/protocol";
import uPlot from "uplot";
import type { ChartColumns } from "./series-points.ts";
import { tickTimes } from "./tick-times.ts";

export const chartHeight = 280;

/** What the chart draws and how it writes it. */
export interface ChartContent {
  readonly columns: ChartColumns;
  readonly granularity: Granularity;
  tick(seconds: number): string;
  value(value: number): string;
}

/** What the options need besides the element. */
interface ChartContext {
  readonly zone: string;
  readonly compare: boolean;
  readonly latest: { readonly current: ChartContent };
  setIndex(index: number | undefined): void;
}

/** Options of uPlot for one zone; everything else is read from `latest` at each drawing. */
export function chartOptions(element: HTMLElement, context: ChartContext): uPlot.Options {
  const straight = uPlot.paths.linear?.();
  const line: uPlot.Series = {
    stroke: colour("accent"),
    width: 1.75,
    points: { show: false },
    ...(straight === undefined ? {} : { paths: straight }),
  };
  return {
    width: Math.max(1, element.clientWidth),
    height: chartHeight,
    padding: [12, 24, 0, 0],
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), context.zone),
    scales: { y: { range: (_, low, high) => [Math.min(0, low), upperEnd(high)] } },
    cursor: {
      y: false,
      points: { size: 8, width: 2, fill: colour("surface") },
      drag: { x: false, y: false, setScale: false },
    },
    axes: [timeAxis(context), valueAxis(context)],
    series: [
      {},
      { ...line, fill: colour("accent-wash") },
      { ...line, dash: [3, 4], fill: colour("accent-wash") },
      ...(context.compare
        ? [{ ...line, stroke: colour("compare"), width: 1.25, dash: [6, 4] } satisfies uPlot.Series]
        : []),
    ],
    hooks: {
      setCursor: [
        (chart) => {
          const { idx, left } = chart.cursor;
          context.setIndex(typeof idx === "number" && (left ?? -1) >= 0 ? idx : undefined);
        },
      ],
    },
  };
}

function upperEnd(high: number | null): number {
  return high === null || high <= 0 ? 1 : high * 1.08;
}

/** The columns in the order of the series of `chartOptions`. */
export function chartData({
  times,
  values,
  unfinished,
  previous,
}: ChartColumns): uPlot.AlignedData {
  const columns: (readonly (number | null)[])[] = [times, values, unfinished];
  if (previous !== null) columns.push(times.map((_, index) => previous[index] ?? null));
  return columns as unknown as uPlot.AlignedData;
}

function timeAxis({ latest, zone }: ChartContext): uPlot.Axis {
  return {
    ...baseAxis(),
    grid: { show: false },
    size: 30,
    splits: (chart) => {
      const { columns, granularity } = latest.current;
      const most = Math.floor(chart.over.clientWidth / 72);
      return tickTimes(columns.times, { granularity, zone, most });
    },
    values: (_, splits) => splits.map((seconds) => latest.current.tick(seconds)),
  };
}

function valueAxis({ latest }: ChartContext): uPlot.Axis {
  return {
    ...baseAxis(),
    space: 44,
    size: (_, values) => 14 + Math.max(0, ...(values ?? []).map((text) => text.length)) * 7,
    values: (_, splits) => splits.map((value) => latest.current.value(value)),
  };
}

function baseAxis(): uPlot.Axis {
  return {
    stroke: colour("faint"),
    font: "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif",
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
  };
}

/** A colour of the style sheet, read at each drawing because the theme may have changed. */
function colour(name: string): () => string {
  return () => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
