"use client";
import type { Granularity } from "@weir/protocol";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import { type ChartColumns, moveCursor } from "./series-points.ts";
import { tickTimes } from "./tick-times.ts";

export interface TimeChartProps {
  readonly columns: ChartColumns;
  readonly zone: string;
  readonly granularity: Granularity;
  /** Says the chart's name and its keys; the value under the cursor comes with `textAt`. */
  readonly label: string;
  tick(seconds: number): string;
  value(value: number): string;
  textAt(index: number): string;
  onCursor(index: number | undefined): void;
}

const height = 280;

/**
 * Lines over time on a canvas. The cursor follows the pointer and the arrow keys alike; whoever
 * cannot see the canvas hears the value under it, and can have the table instead.
 */
export function TimeChart(props: TimeChartProps) {
  const { columns, zone, label, textAt, onCursor } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [index, setIndex] = useState<number>();
  // uPlot is made once for a zone and asks for the rest at each drawing.
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });

  const compare = columns.previous !== null;
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const chart = new uPlot(
      optionsOf(element, { zone, compare, latest, setIndex }),
      dataOf(latest.current.columns),
      element,
    );
    plot.current = chart;
    const resize = new ResizeObserver(() => {
      chart.setSize({ width: element.clientWidth, height });
    });
    resize.observe(element);
    const repaint = () => chart.redraw(false);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const theme = new MutationObserver(repaint);
    theme.observe(document.documentElement, { attributeFilter: ["data-theme", "lang"] });
    scheme.addEventListener("change", repaint);
    return () => {
      resize.disconnect();
      theme.disconnect();
      scheme.removeEventListener("change", repaint);
      chart.destroy();
      plot.current = undefined;
    };
  }, [zone, compare]);

  useEffect(() => {
    plot.current?.setData(dataOf(columns));
  }, [columns]);

  useEffect(() => {
    onCursor(index);
  }, [index, onCursor]);

  const count = columns.times.length;
  const shown = index === undefined ? undefined : Math.min(index, count - 1);
  const press = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const chart = plot.current;
    if (chart === undefined) return;
    if (event.key === "Escape") {
      chart.setCursor({ left: -10, top: -10 });
      setIndex(undefined);
      return;
    }
    const next = moveCursor(event.key, shown, count);
    if (next === undefined) return;
    event.preventDefault();
    const left = chart.valToPos(columns.times[next] ?? 0, "x");
    chart.setCursor({ left, top: chart.over.clientHeight / 2 });
    setIndex(next);
  };
  return (
    <div
      ref={box}
      role="slider"
      tabIndex={0}
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, count - 1)}
      aria-valuenow={shown ?? Math.max(0, count - 1)}
      aria-valuetext={textAt(shown ?? count - 1)}
      onKeyDown={press}
      className="h-[280px] w-full"
    />
  );
}

interface Live {
  readonly zone: string;
  readonly compare: boolean;
  readonly latest: { readonly current: TimeChartProps };
  setIndex(index: number | undefined): void;
}

function optionsOf(element: HTMLElement, live: Live): uPlot.Options {
  const colour = (name: string) => () =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const font = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif";
  const axis: uPlot.Axis = {
    stroke: colour("faint"),
    font,
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
  };
  const straight = uPlot.paths.linear?.();
  const line: uPlot.Series = {
    stroke: colour("accent"),
    width: 1.75,
    points: { show: false },
    ...(straight === undefined ? {} : { paths: straight }),
  };
  return {
    width: Math.max(1, element.clientWidth),
    height,
    padding: [12, 24, 0, 0],
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), live.zone),
    scales: { y: { range: (_, low, high) => [Math.min(0, low), roomAbove(high)] } },
    cursor: {
      y: false,
      points: { size: 8, width: 2, fill: colour("surface") },
      drag: { x: false, y: false, setScale: false },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 30,
        splits: (chart) => {
          const { columns, granularity } = live.latest.current;
          const most = Math.floor(chart.over.clientWidth / 72);
          return tickTimes(columns.times, { granularity, zone: live.zone, most });
        },
        values: (_, splits) => splits.map((seconds) => live.latest.current.tick(seconds)),
      },
      {
        ...axis,
        space: 44,
        size: (_, values) => 14 + Math.max(0, ...(values ?? []).map((text) => text.length)) * 7,
        values: (_, splits) => splits.map((value) => live.latest.current.value(value)),
      },
    ],
    series: [
      {},
      { ...line, fill: colour("accent-wash") },
      { ...line, dash: [3, 4], fill: colour("accent-wash") },
      ...(live.compare
        ? [{ ...line, stroke: colour("compare"), width: 1.25, dash: [6, 4] } satisfies uPlot.Series]
        : []),
    ],
    hooks: {
      setCursor: [
        (chart) => {
          const { idx, left } = chart.cursor;
          live.setIndex(typeof idx === "number" && (left ?? -1) >= 0 ? idx : undefined);
        },
      ],
    },
  };
}

function roomAbove(high: number | null): number {
  return high === null || high <= 0 ? 1 : high * 1.08;
}

function dataOf({ times, values, unfinished, previous }: ChartColumns): uPlot.AlignedData {
  const columns: (readonly (number | null)[])[] = [times, values, unfinished];
  if (previous !== null) columns.push(times.map((_, index) => previous[index] ?? null));
  return columns as unknown as uPlot.AlignedData;
}
