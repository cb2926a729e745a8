"use client";
import type { EventPage, TopProducts } from "@weir/protocol";
import { useState } from "react";
import { CopyCode, sampleCommand } from "../controls/copy-code.tsx";
import { Empty } from "../controls/states.tsx";
import { useQuery } from "../data/data-context.tsx";
import { addressOf } from "../data/request.ts";
import { browserZone, useLanguage } from "../language/language-context.tsx";
import { resolveRange } from "../range/range.ts";
import type { SearchMode } from "./search-state.ts";

interface StartPanelProps {
  readonly mode: SearchMode;
  onSearch(term: string): void;
}

const shownExamples = 8;

/** What can be searched for before there is a query, with examples from this installation. */
export function StartPanel({ mode, onSearch }: StartPanelProps) {
  const { t } = useLanguage();
  const examples = useExamples(mode);
  return (
    <section className="panel">
      <Empty title={t(`search.start.${mode}.title`)}>
        <p className="text-muted">{t(`search.start.${mode}.text`)}</p>
        {examples === undefined ? null : examples.length === 0 ? (
          <>
            <p className="text-muted">{t("search.start.empty")}</p>
            <CopyCode
              text={sampleCommand(globalThis.location.origin)}
              label={t("search.start.empty")}
            />
          </>
        ) : (
          <ul className="flex flex-wrap gap-2" aria-label={t("search.start.examples")}>
            {examples.map(({ term, text }) => (
              <li key={term} className="max-w-full">
                <button type="button" className="btn max-w-full" onClick={() => onSearch(term)}>
                  <span className="truncate">{text}</span>
                </button>
              </li>
            ))}
          </ul>
        )}
      </Empty>
    </section>
  );
}

interface Example {
  readonly term: string;
  readonly text: string;
}

/** The most viewed products, or the users seen last; undefined until they are loaded. */
function useExamples(mode: SearchMode): readonly Example[] | undefined {
  const [span] = useState(() =>
    resolveRange({ kind: "preset", preset: "30d" }, browserZone, Date.now()),
  );
  const products = useQuery<TopProducts>(
    mode === "user" || span === undefined
      ? null
      : addressOf("/api/analytics/products", {
          from: new Date(span.from).toISOString(),
          to: new Date(span.to).toISOString(),
          time_zone: browserZone,
          sort: "views",
          limit: shownExamples,
        }),
  );
  const events = useQuery<EventPage>(
    mode === "user" ? addressOf("/api/events", { limit: 50 }) : null,
  );
  if (mode === "user") {
    const users = events.data?.events.flatMap(({ user_id }) => user_id ?? []);
    if (users === undefined) return undefined;
    return [...new Set(users)].slice(0, shownExamples).map((term) => ({ term, text: term }));
  }
  return products.data?.rows.map(({ product_id: id, name }) => ({
    term: mode === "text" ? (name ?? id) : id,
    text: name ?? id,
  }));
}
