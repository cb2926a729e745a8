"use client";
import type { ReactNode } from "react";
import { useOutage, useSession } from "../data/data-context.tsx";
import { outageKind } from "../data/outage-store.ts";
import type { Failure } from "../data/request.ts";
import { useLanguage } from "../language/language-context.tsx";
import { failureText } from "./failure-text.ts";
import { Icon } from "./icons.tsx";

/** A placeholder of the size of what is loading. */
export function Skeleton({ className = "" }: { className?: string }) {
  return <span aria-hidden="true" className={`skeleton block ${className}`} />;
}

export function SkeletonRows({ rows }: { rows: number }) {
  const { t } = useLanguage();
  return (
    <div className="flex flex-col gap-3 px-4 py-4">
      <span className="sr-only">{t("app.loading")}</span>
      {Array.from({ length: rows }, (_, index) => `row-${index}`).map((key) => (
        <Skeleton key={key} className="h-4 w-full" />
      ))}
    </div>
  );
}

/** A sentence in a panel that has nothing to show. */
export function PanelNote({ children }: { children: ReactNode }) {
  return <p className="px-4 pt-3 pb-6 text-[.867rem] text-muted">{children}</p>;
}

/** Says that there is nothing to show, why, and what to do about it. */
export function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="mx-auto flex max-w-xl flex-col gap-3 px-4 py-10">
      <h2 className="text-[1.067rem] font-semibold">{title}</h2>
      {children}
    </div>
  );
}

/** What went wrong, with the code to quote in a report and a way to try again. */
export function FailureNote({ failure, onRetry }: { failure: Failure; onRetry?: () => void }) {
  const { t, language } = useLanguage();
  const { state } = useSession();
  const { title, text } = failureText(failure, language, t);
  // The banner above the screen says what is down; the page loads itself again.
  if (useOutage() !== undefined && outageKind(failure) !== undefined) {
    return <p className="text-[.867rem] text-muted">{t("outage.waiting")}</p>;
  }
  return (
    <div
      role="alert"
      className="rounded-lg border border-down bg-down-soft px-4 py-3 text-[.867rem]"
    >
      <p className="font-semibold text-down">{title}</p>
      {text === undefined ? null : <p className="mt-0.5 break-words">{text}</p>}
      {failure.permission === undefined ? null : (
        <p className="mt-1.5">
          {t("error.permission")}:{" "}
          <code className="font-mono font-semibold">{failure.permission}</code>
          {state.kind === "signed-in" ? (
            <span className="block text-muted">
              {t("error.permission.how", { service: state.session.service })}
            </span>
          ) : null}
        </p>
      )}
      <div className="mt-2 flex flex-wrap items-center gap-x-4 gap-y-2">
        {onRetry === undefined ? null : (
          <button type="button" className="btn btn-small" onClick={onRetry}>
            <Icon name="rerun" size={15} />
            {t("app.retry")}
          </button>
        )}
        <span className="text-[.8rem] text-muted">
          {t("error.code")} <code className="font-mono">{failure.code}</code>
          {failure.requestId === undefined ? null : (
            <>
              {" "}
              · {t("error.request")}{" "}
              <code className="font-mono break-all">{failure.requestId}</code>
            </>
          )}
        </span>
      </div>
    </div>
  );
}
