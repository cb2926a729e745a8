"use client";
import { useLanguage } from "../language/language-context.tsx";
import { type Flow, flowLine, ratePerSecond } from "./flow.ts";

/** Events per second in the last minute. */
export function FlowStrip({ flow, received }: { flow: Flow; received: number }) {
  const { t, formats } = useLanguage();
  const line = flowLine(flow, 600, 40);
  return (
    <section aria-label={t("live.rate.title")} className="panel flex items-stretch overflow-hidden">
      <div className="flex flex-none flex-col justify-center border-r border-line px-4 py-2.5">
        <span className="text-[1.2rem] leading-6 font-medium whitespace-nowrap">
          {t("live.rate", { rate: formats.decimal(ratePerSecond(flow)) })}
        </span>
        <span className="text-[.8rem] whitespace-nowrap text-muted">
          {t("live.received", { count: received })}
        </span>
      </div>
      <div className="flex min-w-0 flex-1 flex-col">
        <svg
          aria-hidden="true"
          viewBox="0 -3 600 46"
          preserveAspectRatio="none"
          className="min-h-0 w-full flex-1"
        >
          <polygon points={`0,43 ${line} 600,43`} fill="var(--accent-wash)" />
          <polyline points={line} className="flow-line" />
        </svg>
        <div className="staff" />
      </div>
    </section>
  );
}
