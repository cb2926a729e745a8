"use client";
import type { Breakdown } from "@weir/protocol";
import { memo } from "react";
import { PanelBody } from "../controls/panel-body.tsx";
import { PanelHead } from "../controls/panel-head.tsx";
import { ShareBar } from "../controls/share-bar.tsx";
import { PanelNote, SkeletonRows } from "../controls/states.tsx";
import type { Query } from "../data/data-context.tsx";
import type { Failure } from "../data/request.ts";
import { useFormats, useLanguage } from "../language/language-context.tsx";
import { changeOf } from "./change.ts";
import { ChangeNote } from "./change-note.tsx";
import type { OverviewState } from "./overview-state.ts";

interface EventTypesPanelProps {
  readonly query: Query<Breakdown>;
  /** The same breakdown of the previous period. */
  readonly before: Breakdown | undefined;
  readonly state: OverviewState;
  readonly csv: string | null;
  /** Why the whole screen failed. */
  readonly above: Failure | undefined;
  onPick(eventType: string | null): void;
}

/** Events by type. A selected row limits the chart to its type. */
export function EventTypesPanel({
  query,
  before,
  state,
  csv,
  above,
  onPick,
}: EventTypesPanelProps) {
  const { t } = useLanguage();
  const title = t("overview.types.title");
  return (
    <section className="panel flex min-w-0 flex-col" aria-label={title}>
      <PanelHead title={title} csv={csv} />
      <PanelBody query={query} above={above} skeleton={<SkeletonRows rows={8} />}>
        {({ rows, other }) =>
          rows.length === 0 ? (
            <PanelNote>{t("overview.types.empty")}</PanelNote>
          ) : (
            <TypeTable
              rows={rows}
              before={before?.rows}
              other={other}
              zone={state.zone}
              picked={state.eventType}
              onPick={onPick}
            />
          )
        }
      </PanelBody>
    </section>
  );
}

interface TypeTableProps {
  readonly rows: Breakdown["rows"];
  readonly before: Breakdown["rows"] | undefined;
  readonly other: number;
  readonly zone: string;
  readonly picked: string | null;
  onPick(eventType: string | null): void;
}

const TypeTable = memo(function TypeTable({
  rows,
  before,
  other,
  zone,
  picked,
  onPick,
}: TypeTableProps) {
  const { t } = useLanguage();
  const formats = useFormats(zone);
  const counts = new Map(before?.map(({ value, count }) => [value, count]));
  const largest = Math.max(1e-9, ...rows.map(({ share }) => share));
  return (
    <table className="table">
      <thead>
        <tr>
          <th scope="col">{t("overview.types.type")}</th>
          <th scope="col" className="number">
            {t("overview.types.count")}
          </th>
          <th scope="col" className="number">
            {t("overview.types.share")}
          </th>
          <th scope="col" className="number hidden sm:table-cell">
            {t("overview.types.change")}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.value ?? ""}>
            <td className="w-full max-w-0">
              <TypeButton value={row.value} picked={picked} onPick={onPick} />
              <span className="mt-1 block">
                <ShareBar share={row.share / largest} />
              </span>
            </td>
            <td className="number">{formats.count(row.count)}</td>
            <td className="number text-muted">{formats.percent(row.share)}</td>
            <td className="number hidden sm:table-cell">
              {before === undefined ? null : (
                <ChangeNote
                  change={changeOf(row.count, counts.get(row.value) ?? 0)}
                  before={formats.number.format(counts.get(row.value) ?? 0)}
                  formats={formats}
                />
              )}
            </td>
          </tr>
        ))}
        {other === 0 ? null : (
          <tr className="text-muted">
            <td>{t("overview.types.other")}</td>
            <td className="number">{formats.count(other)}</td>
            <td className="number" />
            <td className="number hidden sm:table-cell" />
          </tr>
        )}
      </tbody>
    </table>
  );
});

function TypeButton(props: Pick<TypeTableProps, "picked" | "onPick"> & { value: string | null }) {
  const { value, picked, onPick } = props;
  const { t } = useLanguage();
  if (value === null) return <span className="text-muted">{t("app.none")}</span>;
  const chosen = picked === value;
  return (
    <button
      type="button"
      aria-pressed={chosen}
      title={t("overview.types.pick", { type: value })}
      onClick={() => onPick(chosen ? null : value)}
      className={`block max-w-full truncate text-left hover:text-accent hover:underline ${chosen ? "font-semibold text-accent" : ""}`}
    >
      {value}
    </button>
  );
}
