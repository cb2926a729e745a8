"use client";
import type { Metric, Totals } from "@weir/protocol";
import { memo, type ReactNode } from "react";
import { Skeleton } from "../controls/states.tsx";
import type { Formats } from "../format/formats.ts";
import { useFormats, useLanguage } from "../language/language-context.tsx";
import { type Change, changeOf, changeOfShare } from "./change.ts";
import { ChangeNote } from "./change-note.tsx";
import type { OverviewState } from "./overview-state.ts";
import { amountOf } from "./revenue.ts";

const figureMetrics = [
  "events",
  "users",
  "sessions",
  "purchases",
  "conversion",
  "revenue",
] as const;
type FigureMetric = (typeof figureMetrics)[number];

interface FigureStripProps {
  readonly current: Totals | undefined;
  readonly previous: Totals | undefined;
  /** The request for the figures has failed. */
  readonly failed: boolean;
  readonly state: OverviewState;
  readonly currency: string | null;
  onPick(metric: Metric): void;
}

/** The key metrics. The selected one is drawn in the chart below. */
export const FigureStrip = memo(function FigureStrip(props: FigureStripProps) {
  const { t } = useLanguage();
  return (
    <section aria-label={t("overview.figures")} className="panel overflow-hidden">
      <div className="staff" />
      <div className="grid grid-cols-2 gap-px bg-line sm:grid-cols-3 2xl:grid-cols-6 xl:grid-cols-6">
        {figureMetrics.map((metric) => (
          <Figure key={metric} metric={metric} {...props} />
        ))}
      </div>
    </section>
  );
});

function Figure({ metric, ...props }: FigureStripProps & { metric: FigureMetric }) {
  const { state, current, previous, onPick } = props;
  const { t } = useLanguage();
  const formats = useFormats(state.zone);
  const pressed = state.metric === metric;
  return (
    <button
      type="button"
      aria-pressed={pressed}
      onClick={() => onPick(metric)}
      title={metric === "conversion" ? t("metric.conversion.why") : undefined}
      className={`relative flex min-w-0 flex-col items-start px-4 pt-3 pb-3.5 text-left outline-offset-[-3px]! hover:bg-sunken ${pressed ? "bg-accent-wash bg-surface" : "bg-surface"}`}
    >
      <span
        aria-hidden="true"
        className={`absolute inset-x-0 bottom-0 h-[3px] ${pressed ? "bg-accent" : "bg-transparent"}`}
      />
      <span className={`text-[.867rem] ${pressed ? "font-semibold text-ink" : "text-muted"}`}>
        {t(`metric.${metric}`)}
      </span>
      {current === undefined || previous === undefined ? (
        props.failed ? (
          <span className="mt-0.5 text-[1.667rem] leading-9 text-faint">–</span>
        ) : (
          <>
            <span className="sr-only">{t("app.loading")}</span>
            <Skeleton className="mt-2 h-7 w-24" />
            <Skeleton className="mt-2.5 h-3.5 w-14" />
          </>
        )
      ) : (
        figureOf(metric, {
          current,
          previous,
          formats,
          currency: props.currency,
          none: t("overview.revenue.none"),
        })
      )}
    </button>
  );
}

interface FigureContext {
  readonly current: Totals;
  readonly previous: Totals;
  readonly formats: Formats;
  readonly currency: string | null;
  readonly none: string;
}

function figureOf(metric: FigureMetric, context: FigureContext): ReactNode {
  const { current, previous, formats } = context;
  if (metric === "revenue") return <RevenueFigure {...context} />;
  if (metric === "conversion") {
    const write = (share: number | null) => (share === null ? "–" : formats.percent(share));
    return (
      <Reading
        value={write(current.conversion)}
        change={changeOfShare(current.conversion, previous.conversion)}
        before={write(previous.conversion)}
        formats={formats}
      />
    );
  }
  return (
    <Reading
      value={formats.count(current[metric])}
      exact={formats.number.format(current[metric])}
      change={changeOf(current[metric], previous[metric])}
      before={formats.number.format(previous[metric])}
      formats={formats}
    />
  );
}

function Reading(props: {
  value: string;
  exact?: string;
  change: Change;
  before: string;
  formats: Formats;
}) {
  return (
    <>
      <span
        className="mt-0.5 max-w-full truncate text-[1.667rem] leading-9 font-medium tracking-tight"
        title={props.exact}
      >
        {props.value}
      </span>
      <span className="text-[.867rem]">
        <ChangeNote change={props.change} before={props.before} formats={props.formats} />
      </span>
    </>
  );
}

/** Amounts in different currencies have no sum: one is shown large, the others below it. */
function RevenueFigure({ current, previous, formats, currency, none }: FigureContext) {
  const shown = current.revenue.find((money) => money.currency === currency);
  if (currency === null || (current.revenue.length === 0 && previous.revenue.length === 0)) {
    return (
      <>
        <span className="mt-0.5 text-[1.667rem] leading-9 font-medium">–</span>
        <span className="text-[.867rem] text-muted">{none}</span>
      </>
    );
  }
  const amount = shown?.amount ?? "0";
  const before = amountOf(previous.revenue, currency);
  const others = current.revenue.filter((money) => money.currency !== currency);
  return (
    <>
      <Reading
        value={formats.money(amount, currency, Number(amount) >= 1e6)}
        exact={formats.money(amount, currency)}
        change={changeOf(Number(amount), Number(before))}
        before={formats.money(before, currency)}
        formats={formats}
      />
      {others.length === 0 ? null : (
        <span className="mt-0.5 max-w-full truncate text-[.8rem] text-muted">
          {others
            .map((money) => `+ ${formats.money(money.amount, money.currency, true)}`)
            .join(" ")}
        </span>
      )}
    </>
  );
}
