"use client";
import { granularities, isTimeZone, type Window, type WindowPage } from "@weir/protocol";
import { useMemo, useState } from "react";
import { CopyCode, sampleCommand } from "../controls/copy-code.tsx";
import { Segments } from "../controls/segments.tsx";
import { Empty, FailureNote, SkeletonRows } from "../controls/states.tsx";
import { useQuery, useSession } from "../data/data-context.tsx";
import { addressOf, asFailure, type Failure, requestJson } from "../data/request.ts";
import { useAddressState } from "../frame/navigation.tsx";
import { browserZone, useLanguage } from "../language/language-context.tsx";
import { ZonePicker } from "../range/range-bar.tsx";
import { RerunDialog } from "./rerun-dialog.tsx";
import { WindowTable } from "./window-table.tsx";
import {
  joinPages,
  readWindowsState,
  type WindowsState,
  windowStates,
  writeWindowsState,
} from "./windows-state.ts";
import { WorkerStrip } from "./worker-strip.tsx";

const windowsAddress = { read: readWindowsState, write: writeWindowsState };
const pollMs = 2_000;
const pageSize = 50;
const rerunPermission = "windows.post.window_rerun";

export function WindowsScreen() {
  const { t } = useLanguage();
  const { state, change } = useAddressState(windowsAddress);
  const zone = state.zone !== null && isTimeZone(state.zone) ? state.zone : browserZone;
  const address = addressOf("/api/windows", {
    size: state.size,
    state: state.state,
    limit: pageSize,
  });
  const query = useQuery<WindowPage>(address, pollMs);
  const earlier = useEarlier(address, query.data?.next_cursor ?? null);
  const [chosen, setChosen] = useState<Window>();
  const session = useSession().state;
  const mayRerun =
    session.kind === "signed-in" && session.session.permissions.includes(rerunPermission);
  const windows = useMemo(
    () => joinPages([query.data?.windows ?? [], ...earlier.pages]),
    [query.data?.windows, earlier.pages],
  );
  return (
    <div className="flex flex-col gap-4">
      <WorkerStrip page={query.data} />
      <div className="flex flex-wrap items-center gap-3">
        <Segments
          label={t("windows.size")}
          value={state.size}
          options={granularities.map((value) => ({ value, text: t(`range.granularity.${value}`) }))}
          onChange={(size) => change({ size })}
        />
        <select
          className="field"
          aria-label={t("windows.state")}
          value={state.state ?? ""}
          onChange={(event) =>
            change({ state: windowStates.find((name) => name === event.target.value) ?? null })
          }
        >
          <option value="">{t("windows.state.all")}</option>
          {windowStates.map((name) => (
            <option key={name} value={name}>
              {t(`windows.state.${name}`)}
            </option>
          ))}
        </select>
        <ZonePicker zone={zone} onChange={(next) => change({ zone: next })} />
      </div>
      {query.failure === undefined ? null : (
        <FailureNote failure={query.failure} onRetry={query.refresh} />
      )}
      {mayRerun || session.kind !== "signed-in" ? null : (
        <p className="text-[.867rem] text-muted">
          {t("windows.rerun.forbidden", { permission: rerunPermission })}
        </p>
      )}
      {query.data === undefined ? (
        query.failure === undefined ? (
          <section className="panel">
            <SkeletonRows rows={12} />
          </section>
        ) : null
      ) : windows.length === 0 ? (
        <NoWindows state={state} />
      ) : (
        <section className={`panel overflow-hidden ${query.stale ? "opacity-50" : ""}`}>
          <WindowTable windows={windows} zone={zone} mayRerun={mayRerun} onRerun={setChosen} />
          {earlier.failure === undefined ? null : <FailureNote failure={earlier.failure} />}
          {earlier.cursor === null ? null : (
            <div className="border-t border-line p-3 text-center">
              <button type="button" className="btn" onClick={earlier.load} disabled={earlier.busy}>
                {earlier.busy ? t("app.loading") : t("app.more")}
              </button>
            </div>
          )}
        </section>
      )}
      {chosen === undefined ? null : (
        <RerunDialog
          window={chosen}
          zone={zone}
          onDone={query.refresh}
          onClose={() => setChosen(undefined)}
        />
      )}
    </div>
  );
}

interface Earlier {
  readonly address: string;
  readonly pages: readonly (readonly Window[])[];
  readonly cursor: string | null;
}

const noPages: readonly (readonly Window[])[] = [];

/** The pages of results after the first, on demand. Only the first is kept up to date. */
function useEarlier(address: string, first: string | null) {
  const [kept, setKept] = useState<Earlier>();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const own = kept?.address === address ? kept : undefined;
  const cursor = own === undefined ? first : own.cursor;
  const load = async () => {
    if (cursor === null) return;
    setBusy(true);
    setFailure(undefined);
    try {
      const next = `${address}&cursor=${encodeURIComponent(cursor)}`;
      const page = (await requestJson(next)) as WindowPage;
      setKept({ address, pages: [...(own?.pages ?? []), page.windows], cursor: page.next_cursor });
    } catch (error) {
      setFailure(asFailure(error));
    } finally {
      setBusy(false);
    }
  };
  return { pages: own?.pages ?? noPages, cursor, load, busy, failure };
}

function NoWindows({ state }: { state: WindowsState }) {
  const { t } = useLanguage();
  return (
    <section className="panel">
      {state.state === null ? (
        <Empty title={t("windows.empty.title")}>
          <p className="text-muted">{t("windows.empty.text")}</p>
          <CopyCode
            text={sampleCommand(globalThis.location.origin)}
            label={t("windows.empty.title")}
          />
        </Empty>
      ) : (
        <Empty title={t("windows.empty.state.title")}>
          <p className="text-muted">{t("windows.empty.state.text")}</p>
        </Empty>
      )}
    </section>
  );
}
