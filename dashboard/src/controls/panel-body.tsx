"use client";
import type { ReactNode } from "react";
import type { Query } from "../data/data-context.tsx";
import type { Failure } from "../data/request.ts";
import { useLanguage } from "../language/language-context.tsx";
import { failureText } from "./failure-text.ts";
import { FailureNote } from "./states.tsx";

interface PanelBodyProps<T> {
  readonly query: Query<T>;
  /** Why the whole screen failed: the same failure is not shown in full again. */
  readonly above: Failure | undefined;
  /** Shown until the first answer. */
  readonly skeleton: ReactNode;
  children(data: T): ReactNode;
}

/** The answer of a panel's query, or its failure, or the skeleton while there is neither. */
export function PanelBody<T>({ query, above, skeleton, children }: PanelBodyProps<T>) {
  const { data, failure, stale } = query;
  return (
    <>
      {failure === undefined ? null : (
        <div className="px-4 pt-2 pb-3">
          {above?.code === failure.code ? (
            <FailureLine failure={failure} />
          ) : (
            <FailureNote failure={failure} onRetry={query.refresh} />
          )}
        </div>
      )}
      {data !== undefined ? (
        <div className={stale ? "opacity-50" : ""}>{children(data)}</div>
      ) : failure === undefined ? (
        skeleton
      ) : null}
    </>
  );
}

/** For a panel that failed like the whole screen, which shows the details above. */
function FailureLine({ failure }: { failure: Failure }) {
  const { t, language } = useLanguage();
  return <p className="text-[.867rem] text-muted">{failureText(failure, language, t).title}</p>;
}
