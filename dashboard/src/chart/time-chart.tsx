"use client";
import { type KeyboardEvent, type RefObject, useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import { type ChartContent, chartData, chartHeight, chartOptions } from "./chart-options.ts";
import { moveCursor } from "./series-points.ts";

interface TimeChartProps extends ChartContent {
  readonly zone: string;
  /** The name of the chart and its keys; `textAt` gives the value under the cursor. */
  readonly label: string;
  textAt(index: number): string;
  onCursor(index: number | undefined): void;
}

/**
 * Lines over time on a canvas. The pointer and the arrow keys move the same cursor. Screen readers
 * read the value under it, and there is a table for those who prefer one.
 */
export function TimeChart(props: TimeChartProps) {
  const { columns, label, textAt, onCursor } = props;
  const [index, setIndex] = useState<number>();
  const { box, plot } = usePlot(props, setIndex);
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

interface Plot {
  readonly box: RefObject<HTMLDivElement | null>;
  readonly plot: { readonly current: uPlot | undefined };
}

/** The chart of uPlot in a box. It is created again only for another zone or number of lines. */
function usePlot(props: TimeChartProps, setIndex: (index: number | undefined) => void): Plot {
  const { columns, zone } = props;
  const compare = columns.previous !== null;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef<ChartContent>(props);
  useEffect(() => {
    latest.current = props;
  });
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const options = chartOptions(element, { zone, compare, latest, setIndex });
    const chart = new uPlot(options, chartData(latest.current.columns), element);
    plot.current = chart;
    const stopObserving = keepDrawn(chart, element);
    return () => {
      stopObserving();
      chart.destroy();
      plot.current = undefined;
    };
  }, [zone, compare, setIndex]);
  useEffect(() => {
    plot.current?.setData(chartData(columns));
  }, [columns]);
  return { box, plot };
}

/** Draws the chart again when its box, the theme or the language changes. @returns stops it */
function keepDrawn(chart: uPlot, element: HTMLElement): () => void {
  const resize = new ResizeObserver(() => {
    chart.setSize({ width: element.clientWidth, height: chartHeight });
  });
  resize.observe(element);
  const redraw = () => chart.redraw(false);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const theme = new MutationObserver(redraw);
  theme.observe(document.documentElement, { attributeFilter: ["data-theme", "lang"] });
  scheme.addEventListener("change", redraw);
  return () => {
    resize.disconnect();
    theme.disconnect();
    scheme.removeEventListener("change", redraw);
  };
}
