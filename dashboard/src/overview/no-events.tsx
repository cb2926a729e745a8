"use client";
import type { Meta } from "@weir/protocol";
import { CopyCode, sampleCommand } from "../controls/copy-code.tsx";
import { Empty } from "../controls/states.tsx";
import { useFormats, useLanguage } from "../language/language-context.tsx";
import type { OverviewState } from "./overview-state.ts";

/** The installation has no event at all. */
export function NoEvents() {
  const { t } = useLanguage();
  return (
    <section className="panel">
      <Empty title={t("overview.empty.title")}>
        <p className="text-muted">{t("overview.empty.text")}</p>
        <CopyCode text={sampleCommand(window.location.origin)} label={t("overview.empty.title")} />
      </Empty>
    </section>
  );
}

/** There are events, but none in the selected range. */
export function NoEventsInRange(props: {
  meta: Meta | undefined;
  state: OverviewState;
  onChange: (change: Partial<OverviewState>) => void;
}) {
  const { t } = useLanguage();
  const formats = useFormats(props.state.zone);
  const first = props.meta?.first_event_at;
  return (
    <section className="panel">
      <Empty title={t("overview.empty.range.title")}>
        {first === undefined || first === null ? null : (
          <p className="text-muted">
            {t("overview.empty.range.text", { at: formats.full(Date.parse(first)) })}
          </p>
        )}
        <button
          type="button"
          className="btn self-start"
          onClick={() => props.onChange({ range: { kind: "preset", preset: "30d" } })}
        >
          {t("overview.empty.range.all")}
        </button>
      </Empty>
    </section>
  );
}
