"use client";
import type { RawEvent } from "@weir/protocol";
import { useMemo } from "react";
import { CopyButton } from "../controls/copy-code.tsx";
import { Dialog } from "../controls/dialog.tsx";
import { Icon } from "../controls/icons.tsx";
import { ScrollRegion } from "../controls/scroll-region.tsx";
import { browserZone, useFormats, useLanguage } from "../language/language-context.tsx";
import { type FilterField, filterFields } from "./filter.ts";
import { jsonLines, type Piece } from "./json-lines.ts";

interface EventDrawerProps {
  readonly event: RawEvent;
  onFilter(field: FilterField, value: string): void;
  onClose(): void;
}

/** One event in full: its attributes with filters for them, and its payload. */
export function EventDrawer({ event, onFilter, onClose }: EventDrawerProps) {
  const { t } = useLanguage();
  const formats = useFormats(browserZone);
  const facts = [
    { name: t("live.event.id"), value: event.event_id },
    { name: t("live.event.occurred"), value: formats.full(Date.parse(event.occurred_at)) },
    { name: t("live.event.received"), value: formats.full(Date.parse(event.received_at)) },
    { name: t("live.event.format"), value: event.format },
  ];
  return (
    <Dialog kind="drawer" title={event.event_type} onClose={onClose}>
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-5 gap-y-1.5 text-[.867rem]">
        {facts.map(({ name, value }) => (
          <div key={name} className="contents">
            <dt className="text-muted">{name}</dt>
            <dd className="break-all">{value}</dd>
          </div>
        ))}
        {filterFields.map((field) => {
          const value = event[field];
          return value === null ? null : (
            <div key={field} className="contents">
              <dt className="text-muted">{t(`live.field.${field}`)}</dt>
              <dd className="flex items-start justify-between gap-3">
                <span className="break-all">{value}</span>
                <button
                  type="button"
                  className="btn btn-small btn-bare -my-1 flex-none"
                  aria-label={t("live.event.only", { value })}
                  title={t("live.event.only", { value })}
                  onClick={() => onFilter(field, value)}
                >
                  <Icon name="filter" size={15} />
                </button>
              </dd>
            </div>
          );
        })}
      </dl>
      <div className="mt-5 mb-2 flex flex-wrap items-center gap-2">
        <h3 className="panel-title mr-auto">{t("live.event.payload")}</h3>
        <a
          className="btn btn-small"
          href={`/api/events/${encodeURIComponent(event.event_id)}/raw`}
          target="_blank"
          rel="noreferrer"
        >
          {t("live.event.bytes")}
        </a>
        <CopyButton text={JSON.stringify(event.payload, null, 2)} />
      </div>
      <JsonView value={event.payload} label={t("live.event.payload")} />
    </Dialog>
  );
}

const looks: Readonly<Record<Piece["kind"], string>> = {
  name: "text-accent",
  string: "text-ink",
  number: "text-compare",
  word: "text-warn",
  mark: "text-faint",
};

function JsonView({ value, label }: { value: unknown; label: string }) {
  const lines = useMemo(() => jsonLines(value), [value]);
  return (
    <ScrollRegion label={label} className="code">
      {lines.map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines never move; the text is read once
        <span key={index} className="block">
          {"  ".repeat(line.depth)}
          {line.pieces.map((piece, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: as above
            <span key={at} className={looks[piece.kind]}>
              {piece.text}
            </span>
          ))}
        </span>
      ))}
    </ScrollRegion>
  );
}
