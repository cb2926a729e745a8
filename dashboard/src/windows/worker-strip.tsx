"use client";
import type { WindowPage } from "@weir/protocol";
import type { ReactNode } from "react";
import { Skeleton } from "../controls/states.tsx";
import { useKnownFreshness } from "../data/data-context.tsx";
import { useLanguage } from "../language/language-context.tsx";

/** How far the windows are behind the raw events, and which worker updates them. */
export function WorkerStrip({ page }: { page: WindowPage | undefined }) {
  const { t, formats } = useLanguage();
  // The header shows the freshness of the newest answer; this strip must show the same.
  const freshness = useKnownFreshness()?.freshness ?? page?.freshness;
  const worker = page?.worker ?? null;
  // both by PostgreSQL's clock: this browser's may differ
  const answeredAt =
    page === undefined ? 0 : Date.parse(page.freshness.as_of) + page.freshness.lag_ms;
  return (
    <section className="panel overflow-hidden" aria-label={t("windows.worker")}>
      <div className="staff" />
      <div className="grid gap-px bg-line sm:grid-cols-3">
        <Cell name={t("windows.lag")} text={t("windows.lag.text")}>
          {page === undefined || freshness === undefined
            ? null
            : formats.duration(freshness.lag_ms)}
        </Cell>
        <Cell name={t("windows.behind")} text={t("windows.behind.text")}>
          {page === undefined || freshness === undefined
            ? null
            : formats.number.format(freshness.behind_events)}
        </Cell>
        <Cell
          name={t("windows.worker")}
          text={
            worker === null
              ? t("windows.worker.none")
              : `${t("windows.worker.epoch", { epoch: worker.epoch })} · ${t(
                  "windows.worker.beat",
                  {
                    age: formats.duration(
                      Math.max(0, answeredAt - Date.parse(worker.heartbeat_at)),
                    ),
                  },
                )}`
          }
        >
          {page === undefined ? null : worker === null ? (
            "–"
          ) : (
            <span className="flex min-w-0 items-center gap-3">
              <span className="truncate" title={worker.owner}>
                {worker.owner}
              </span>
              <span className={`badge ${worker.alive ? "badge-good" : "badge-bad"}`}>
                <span className="dot" />
                {worker.alive ? t("windows.worker.alive") : t("windows.worker.dead")}
              </span>
            </span>
          )}
        </Cell>
      </div>
    </section>
  );
}

function Cell({ name, text, children }: { name: string; text: string; children: ReactNode }) {
  return (
    <div className="min-w-0 bg-surface px-4 pt-2.5 pb-3">
      <p className="text-[.867rem] text-muted">{name}</p>
      {children === null ? (
        <Skeleton className="my-1.5 h-6 w-24" />
      ) : (
        <div className="text-[1.333rem] leading-9 font-medium tracking-tight">{children}</div>
      )}
      <p className="text-[.8rem] text-faint">{text}</p>
    </div>
  );
}
