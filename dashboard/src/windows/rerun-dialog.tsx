"use client";
import type { RunPage, Window } from "@weir/protocol";
import { useEffect, useState } from "react";
import { Dialog } from "../controls/dialog.tsx";
import { FailureNote } from "../controls/states.tsx";
import { useQuery, useSession } from "../data/data-context.tsx";
import { addressOf, asFailure, type Failure, requestJson } from "../data/request.ts";
import { useFormats, useLanguage } from "../language/language-context.tsx";
import { windowName } from "./window-table.tsx";
import { isOver, runOf } from "./windows-state.ts";

interface RerunDialogProps {
  readonly window: Window;
  readonly zone: string;
  onDone(): void;
  onClose(): void;
}

/** Confirms a rerun, then shows its progress. */
export function RerunDialog({ window, zone, onDone, onClose }: RerunDialogProps) {
  const { t } = useLanguage();
  const formats = useFormats(zone);
  const { state } = useSession();
  const [runId, setRunId] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const start = async () => {
    if (state.kind !== "signed-in") return;
    setBusy(true);
    setFailure(undefined);
    try {
      const answer = (await requestJson("/api/windows/rerun", {
        method: "POST",
        body: { size: window.size, start: window.start },
        csrfToken: state.session.csrf_token,
      })) as { run_id: string };
      setRunId(answer.run_id);
      onDone();
    } catch (error) {
      setFailure(asFailure(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={t("windows.rerun.title")} onClose={onClose}>
      <p className="font-medium">{windowName(window, formats)}</p>
      <p className="mt-2 text-[.933rem] text-muted">
        {t("windows.rerun.text", { count: window.events })}
        {window.size === "hour" ? null : ` ${t(`windows.rerun.${window.size}`)}`}
      </p>
      {failure === undefined ? null : (
        <div className="mt-4">
          <FailureNote failure={failure} />
        </div>
      )}
      {runId === undefined ? (
        <div className="mt-5 flex justify-end gap-2">
          <button type="button" className="btn" onClick={onClose}>
            {t("app.cancel")}
          </button>
          <button type="button" className="btn btn-primary" disabled={busy} onClick={start}>
            {t("windows.rerun")}
          </button>
        </div>
      ) : (
        <Progress runId={runId} window={window} zone={zone} onDone={onDone} onClose={onClose} />
      )}
    </Dialog>
  );
}

function Progress({ runId, window, zone, onDone, onClose }: RerunDialogProps & { runId: string }) {
  const { t } = useLanguage();
  const formats = useFormats(zone);
  const address = addressOf("/api/windows/runs", { size: window.size, limit: 100 });
  const [over, setOver] = useState(false);
  const query = useQuery<RunPage>(address, over ? Number.POSITIVE_INFINITY : 700);
  const run = runOf(query.data, runId);
  const state = run?.state ?? "queued";
  useEffect(() => {
    if (!isOver(state)) return;
    setOver(true);
    onDone();
  }, [state, onDone]);
  const done = { queued: 1, running: 2, done: 3, failed: 3 }[state];
  return (
    <div className="mt-4">
      <progress
        className="w-full"
        max={3}
        value={done}
        aria-label={t("windows.rerun.progress", { state: t(`windows.run.${state}`) })}
      />
      <p role="status" className="mt-1.5 text-[.867rem]">
        <strong className={state === "failed" ? "text-down" : state === "done" ? "text-up" : ""}>
          {t(`windows.run.${state}`)}
        </strong>
        {run?.duration_ms === null || run === undefined || state !== "done" ? null : (
          <> {t("windows.rerun.done", { duration: formats.duration(run.duration_ms) })}</>
        )}
        {run?.changed === null || run === undefined ? null : (
          <> · {run.changed ? t("windows.run.changed") : t("windows.run.unchanged")}</>
        )}
        {run?.error === null || run === undefined ? null : (
          <span className="block break-words text-down">{run.error}</span>
        )}
        {isOver(state) ? null : (
          <span className="block text-muted">{t("windows.rerun.started")}</span>
        )}
      </p>
      {query.failure === undefined ? null : (
        <div className="mt-3">
          <FailureNote failure={query.failure} onRetry={query.refresh} />
        </div>
      )}
      <div className="mt-4 flex justify-end">
        <button type="button" className="btn" onClick={onClose}>
          {t("app.close")}
        </button>
      </div>
    </div>
  );
}
