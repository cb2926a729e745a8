"use client";
import { granularities } from "@weir/protocol";
import { useId, useMemo, useState } from "react";
import { Dialog } from "../controls/dialog.tsx";
import { Segments } from "../controls/segments.tsx";
import { browserZone, useFormats, useLanguage } from "../language/language-context.tsx";
import type { OverviewState } from "../overview/overview-state.ts";
import { customFrom, fitsGranularity, granularityFor, presets, type Span } from "./range.ts";
import { dayMs, readLocal } from "./zone.ts";
import { zoneList } from "./zone-list.ts";

interface RangeBarProps {
  readonly state: OverviewState;
  readonly span: Span;
  onChange(change: Partial<OverviewState>): void;
}

/** Time range, granularity, time zone and comparison of every number on the screen. */
export function RangeBar({ state, span, onChange }: RangeBarProps) {
  const { t } = useLanguage();
  const [custom, setCustom] = useState(false);
  const shown = state.range.kind === "preset" ? state.range.preset : "custom";
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-2.5">
      <div className="-mx-4 max-w-[100vw] overflow-x-auto px-4 py-0.5 md:mx-0 md:px-0">
        <Segments
          label={t("range.label")}
          value={shown}
          options={[...presets, "custom" as const].map((value) => ({
            value,
            text: t(`range.${value}`),
          }))}
          onChange={(next) => {
            if (next === "custom") setCustom(true);
            else onChange({ range: { kind: "preset", preset: next } });
          }}
        />
      </div>
      <GranularityPicker state={state} span={span} onChange={onChange} />
      <ZonePicker zone={state.zone} onChange={(zone) => onChange({ zone })} />
      <label className="flex items-center gap-2 text-[.867rem] text-muted">
        <input
          type="checkbox"
          className="size-4 accent-(--accent)"
          checked={state.compare}
          onChange={(event) => onChange({ compare: event.target.checked })}
        />
        {t("overview.compare")}
      </label>
      {custom ? (
        <CustomRange
          state={state}
          span={span}
          onChange={onChange}
          onClose={() => setCustom(false)}
        />
      ) : null}
    </div>
  );
}

function GranularityPicker({ state, span, onChange }: RangeBarProps) {
  const { t } = useLanguage();
  return (
    <select
      className="field"
      aria-label={t("range.granularity")}
      value={state.granularity}
      onChange={(event) =>
        onChange({ granularity: granularities.find((g) => g === event.target.value) ?? "auto" })
      }
    >
      <option value="auto">
        {t("range.granularity.auto", {
          granularity: t(`range.granularity.${granularityFor("auto", span)}`),
        })}
      </option>
      {granularities.map((value) => (
        <option key={value} value={value} disabled={!fitsGranularity(value, span)}>
          {t(`range.granularity.${value}`)}
        </option>
      ))}
    </select>
  );
}

export function ZonePicker({ zone, onChange }: { zone: string; onChange: (zone: string) => void }) {
  const { t } = useLanguage();
  const zones = useMemo(() => zoneList(zone, browserZone), [zone]);
  return (
    <select
      className="field max-w-52"
      aria-label={t("range.zone")}
      value={zone}
      onChange={(event) => onChange(event.target.value)}
    >
      {zones.map((name) => (
        <option key={name} value={name}>
          {name === browserZone ? t("range.zone.own", { zone: name }) : name}
        </option>
      ))}
    </select>
  );
}

function CustomRange(props: RangeBarProps & { onClose: () => void }) {
  const { state, span, onChange, onClose } = props;
  const { t } = useLanguage();
  const formats = useFormats(state.zone);
  const ids = { from: useId(), to: useId() };
  const [draft, setDraft] = useState(() => customFrom(span, state.zone));
  const from = readLocal(state.zone, draft.from);
  const to = readLocal(state.zone, draft.to);
  const right = from !== undefined && to !== undefined && from < to && to - from <= 400 * dayMs;
  return (
    <Dialog title={t("range.custom.title")} onClose={onClose}>
      <form
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (!right) return;
          onChange({ range: { kind: "custom", ...draft } });
          onClose();
        }}
      >
        {(["from", "to"] as const).map((end) => (
          <div key={end} className="flex flex-col gap-1">
            <label htmlFor={ids[end]} className="field-label">
              {t(`range.custom.${end}`)}
            </label>
            <input
              id={ids[end]}
              type="datetime-local"
              className="field"
              value={draft[end]}
              onChange={(event) => setDraft({ ...draft, [end]: event.target.value })}
            />
          </div>
        ))}
        <p className={`text-[.867rem] ${right ? "text-muted" : "text-down"}`} role="status">
          {right ? t("range.custom.zone", { zone: formats.zone }) : t("range.custom.wrong")}
        </p>
        <div className="mt-1 flex justify-end gap-2">
          <button type="button" className="btn" onClick={onClose}>
            {t("app.cancel")}
          </button>
          <button type="submit" className="btn btn-primary" disabled={!right}>
            {t("app.apply")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
