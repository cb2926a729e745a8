"use client";
import type { Window } from "@weir/protocol";
import { memo } from "react";
import { Icon } from "../controls/icons.tsx";
import { ScrollRegion } from "../controls/scroll-region.tsx";
import type { Formats } from "../format/formats.ts";
import { useFormats, useLanguage } from "../language/language-context.tsx";
import { bucketText } from "../range/range-text.ts";
import { dayMs } from "../range/zone.ts";

interface WindowTableProps {
  readonly windows: readonly Window[];
  readonly zone: string;
  readonly mayRerun: boolean;
  onRerun(window: Window): void;
}

const stateLooks: Readonly<Record<Window["state"], string>> = {
  open: "badge badge-good",
  closed: "badge",
  rebuilding: "badge badge-busy",
  failed: "badge badge-bad",
};

export function WindowTable({ windows, zone, mayRerun, onRerun }: WindowTableProps) {
  const { t } = useLanguage();
  const formats = useFormats(zone);
  return (
    <ScrollRegion label={t("windows.table")} className="overflow-x-auto">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">{t("windows.column.window")}</th>
            <th scope="col">{t("windows.state")}</th>
            <th scope="col" className="number">
              {t("metric.events")}
            </th>
            <th scope="col" className="number max-md:hidden">
              {t("metric.users")}
            </th>
            <th scope="col" className="number max-md:hidden">
              {t("metric.sessions")}
            </th>
            <th scope="col" className="max-lg:hidden">
              {t("windows.column.updated")}
            </th>
            <th scope="col" className="max-sm:hidden">
              {t("windows.column.run")}
            </th>
            {mayRerun ? (
              <th scope="col" className="number">
                <span className="sr-only">{t("windows.column.action")}</span>
              </th>
            ) : null}
          </tr>
        </thead>
        <tbody>
          {windows.map((window) => (
            <WindowRow
              key={`${window.size} ${window.start}`}
              window={window}
              formats={formats}
              mayRerun={mayRerun}
              onRerun={onRerun}
            />
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}

interface WindowRowProps extends Pick<WindowTableProps, "mayRerun" | "onRerun"> {
  readonly window: Window;
  readonly formats: Formats;
}

const WindowRow = memo(function WindowRow({ window, formats, mayRerun, onRerun }: WindowRowProps) {
  const { t } = useLanguage();
  const name = windowName(window, formats);
  return (
    <tr>
      <td className="font-medium whitespace-nowrap">{name}</td>
      <td>
        <span className={stateLooks[window.state]}>{t(`windows.state.${window.state}`)}</span>
      </td>
      <td className="number">{formats.number.format(window.events)}</td>
      <td className="number max-md:hidden">{formats.number.format(window.users)}</td>
      <td className="number max-md:hidden">{formats.number.format(window.sessions)}</td>
      <td className="whitespace-nowrap text-muted max-lg:hidden">
        {formats.full(Date.parse(window.updated_at))}
      </td>
      <td className="max-sm:hidden">
        <LastRun run={window.last_run} formats={formats} />
      </td>
      {mayRerun ? (
        <td className="number">
          <button
            type="button"
            className="btn btn-small"
            aria-label={t("windows.rerun.of", { window: name })}
            disabled={window.state === "rebuilding"}
            onClick={() => onRerun(window)}
          >
            <Icon name="rerun" size={15} />
            <span className="max-sm:hidden">{t("windows.rerun")}</span>
          </button>
        </td>
      ) : null}
    </tr>
  );
});

function LastRun({ run, formats }: { run: Window["last_run"]; formats: Formats }) {
  const { t } = useLanguage();
  if (run === null) return <span className="text-faint">{t("windows.run.never")}</span>;
  return (
    <span className="text-[.8rem] text-muted">
      <span className={run.state === "failed" ? "font-medium text-down" : "text-ink"}>
        {t(`windows.run.${run.state}`)}
      </span>
      {run.changed === null ? null : (
        <span className={run.changed ? "text-warn" : ""}>
          {" "}
          · {run.changed ? t("windows.run.changed") : t("windows.run.unchanged")}
        </span>
      )}
      {run.duration_ms === null ? null : <> · {formats.duration(run.duration_ms)}</>}
      {run.attempts > 1 ? <> · {t("windows.run.attempts", { count: run.attempts })}</> : null}
      <span className="block whitespace-nowrap text-faint">{formats.full(Date.parse(run.at))}</span>
      {run.error === null ? null : <span className="block break-words text-down">{run.error}</span>}
    </span>
  );
}

/** Windows of a day are days in UTC. In other zones their name includes the hour at which they begin. */
export function windowName(window: Pick<Window, "size" | "start">, formats: Formats): string {
  const start = Date.parse(window.start);
  const wholeDay = window.size !== "day" || formats.clock(start) === "00:00";
  if (wholeDay) return bucketText(start, window.size, formats);
  return `${formats.dayName(start)} ${formats.clock(start)} + ${formats.duration(dayMs)}`;
}
