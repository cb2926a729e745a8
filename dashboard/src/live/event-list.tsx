"use client";
import type { RawEvent } from "@weir/protocol";
import { type KeyboardEvent, memo } from "react";
import type { Formats } from "../format/formats.ts";
import { browserZone, useFormats, useLanguage } from "../language/language-context.tsx";
import type { FeedRow } from "./feed.ts";
import { previewOf } from "./json-lines.ts";

interface EventListProps {
  readonly rows: readonly FeedRow[];
  onInspect(event: RawEvent): void;
}

/** Events, newest first. Up and Down move between rows, Enter opens one. */
export function EventList({ rows, onInspect }: EventListProps) {
  const { t } = useLanguage();
  const formats = useFormats(browserZone);
  return (
    <div>
      <div
        aria-hidden="true"
        className="live-row border-b border-line px-4 py-1.5 text-[.8rem] text-faint max-sm:hidden"
      >
        <span>{t("live.column.time")}</span>
        <span>{t("live.field.event_type")}</span>
        <span>{t("live.field.source")}</span>
        <span>{t("live.field.user_id")}</span>
        <span>{t("live.field.product_id")}</span>
        <span className="max-lg:hidden">{t("live.column.payload")}</span>
      </div>
      <ol aria-label={t("live.list")} onKeyDown={moveFocus}>
        {rows.map((row) =>
          row.kind === "gap" ? (
            <li
              key={row.key}
              className="border-b border-line bg-warn-soft px-4 py-2 text-[.867rem] text-warn"
            >
              {t("live.gap", { reason: row.reason })}
            </li>
          ) : (
            <EventRow key={row.key} event={row.event} formats={formats} onInspect={onInspect} />
          ),
        )}
      </ol>
    </div>
  );
}

interface EventRowProps {
  readonly event: RawEvent;
  readonly formats: Formats;
  onInspect(event: RawEvent): void;
}

const EventRow = memo(function EventRow({ event, formats, onInspect }: EventRowProps) {
  const time = formats.clockSeconds(Date.parse(event.received_at));
  return (
    <li className="arrived border-b border-line">
      <button
        type="button"
        onClick={() => onInspect(event)}
        className="live-row w-full px-4 py-1.5 text-left text-[.867rem] outline-offset-[-2px]! hover:bg-sunken"
      >
        <span className="text-muted">{time}</span>
        <span className="truncate font-medium">{event.event_type}</span>
        <span className="truncate text-muted">{event.source}</span>
        <span className="truncate max-sm:col-span-2 max-sm:text-[.8rem] max-sm:text-muted">
          {event.user_id ?? <span className="text-faint">–</span>}
        </span>
        <span className="truncate text-muted max-sm:text-right max-sm:text-[.8rem]">
          {event.product_id ?? <span className="text-faint">–</span>}
        </span>
        <span
          aria-hidden="true"
          className="truncate font-mono text-[.8rem] text-faint max-lg:hidden"
        >
          {previewOf(event.payload)}
        </span>
      </button>
    </li>
  );
});

function moveFocus(event: KeyboardEvent<HTMLOListElement>) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step === 0) return;
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
  const next = buttons[at + step];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}
