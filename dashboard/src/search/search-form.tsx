"use client";
import type { ReactNode } from "react";
import { Segments } from "../controls/segments.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { FilterField } from "./filter-field.tsx";
import { QueryField } from "./query-field.tsx";
import { readPrice, type SearchState, searchModes } from "./search-state.ts";

interface SearchFormProps {
  readonly state: SearchState;
  /** The categories of the results on the page. */
  readonly categories: readonly string[];
  /** The model picker. */
  readonly children: ReactNode;
  change(next: Partial<SearchState>, how?: "push" | "replace"): void;
}

/** The query and its filters. */
export function SearchForm({ state, categories, children, change }: SearchFormProps) {
  const { t, formats } = useLanguage();
  return (
    <section className="panel flex flex-col gap-3 p-4" aria-label={t("search.query")}>
      <div className="flex flex-wrap items-center gap-3">
        <Segments
          label={t("search.mode")}
          value={state.mode}
          options={searchModes.map((value) => ({ value, text: t(`search.mode.${value}`) }))}
          onChange={(mode) => change({ mode, term: "" })}
        />
        <p className="text-[.867rem] text-muted">{t(`search.mode.${state.mode}.text`)}</p>
      </div>
      <QueryField state={state} change={change} />
      <div className="flex flex-wrap items-end gap-x-4 gap-y-2">
        <FilterField
          label={t("search.category")}
          value={state.category ?? ""}
          suggestions={categories}
          className="w-56"
          onKeep={(text) => change({ category: text === "" ? null : text })}
        />
        <FilterField
          label={t("search.price.from")}
          value={state.priceFrom === null ? "" : formats.plain(state.priceFrom)}
          isNumber
          className="w-24"
          onKeep={(text) => change({ priceFrom: readPrice(text) })}
        />
        <FilterField
          label={t("search.price.to")}
          value={state.priceTo === null ? "" : formats.plain(state.priceTo)}
          isNumber
          className="w-24"
          onKeep={(text) => change({ priceTo: readPrice(text) })}
        />
        {state.mode === "text" ? (
          <label
            className="flex min-h-[2.134rem] items-center gap-2 text-[.867rem]"
            title={t("search.hybrid.why")}
          >
            <input
              type="checkbox"
              checked={state.hybrid}
              onChange={(event) => change({ hybrid: event.target.checked })}
            />
            {t("search.hybrid")}
          </label>
        ) : null}
        <div className="2xl:ml-auto">{children}</div>
      </div>
    </section>
  );
}
