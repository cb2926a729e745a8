"use client";
import { metrics } from "@weir/protocol";
import { Icon } from "../controls/icons.tsx";
import { useLanguage } from "../language/language-context.tsx";
import type { OverviewState } from "./overview-state.ts";

interface SeriesPickersProps {
  readonly state: OverviewState;
  readonly currency: string | null;
  readonly currencies: readonly string[];
  onChange(change: Partial<OverviewState>): void;
}

/** Which metric the chart shows, in which currency, of which event type. */
export function SeriesPickers({ state, currency, currencies, onChange }: SeriesPickersProps) {
  const { t } = useLanguage();
  return (
    <>
      <select
        className="field font-semibold"
        aria-label={t("metric.label")}
        value={state.metric}
        onChange={(event) =>
          onChange({ metric: metrics.find((metric) => metric === event.target.value) ?? "events" })
        }
      >
        {metrics.map((metric) => (
          <option key={metric} value={metric}>
            {t(`metric.${metric}`)}
          </option>
        ))}
      </select>
      {state.metric === "revenue" && currencies.length > 0 ? (
        <select
          className="field"
          aria-label={t("overview.currency")}
          value={currency ?? ""}
          onChange={(event) => onChange({ currency: event.target.value })}
        >
          {[...new Set([...(currency === null ? [] : [currency]), ...currencies])].map((code) => (
            <option key={code}>{code}</option>
          ))}
        </select>
      ) : null}
      {state.eventType === null ? null : (
        <TypeFilter eventType={state.eventType} onRemove={() => onChange({ eventType: null })} />
      )}
    </>
  );
}

function TypeFilter({ eventType, onRemove }: { eventType: string; onRemove: () => void }) {
  const { t } = useLanguage();
  return (
    <span className="badge gap-1 pr-1">
      {t("overview.filter")} <strong className="text-ink">{eventType}</strong>
      <button
        type="button"
        className="rounded p-0.5 hover:bg-sunken"
        aria-label={t("overview.filter.remove")}
        onClick={onRemove}
      >
        <Icon name="close" size={13} />
      </button>
    </span>
  );
}
