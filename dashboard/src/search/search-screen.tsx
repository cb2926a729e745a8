"use client";
import type { Model } from "@weir/protocol";
import { useQuery } from "../data/data-context.tsx";
import { useAddressState } from "../frame/navigation.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { ModelPicker } from "./model-picker.tsx";
import { categoriesOf, ranksOf, sharedOf } from "./ranks.ts";
import { type Answer, ResultPanel } from "./result-panel.tsx";
import { SearchForm } from "./search-form.tsx";
import { hasPricesUpsideDown, keyOf, readSearchState, writeSearchState } from "./search-state.ts";
import { StartPanel } from "./start-panel.tsx";

const searchAddress = { read: readSearchState, write: writeSearchState };
/** How often the states of the models are read. */
const modelsEveryMs = 5_000;

/** Products by meaning, similar products, or recommendations for a user, with one model or two side by side. */
export function SearchScreen() {
  const { t } = useLanguage();
  const { state, change } = useAddressState(searchAddress);
  const models = useQuery<{ readonly models: readonly Model[] }>("/api/models", modelsEveryMs);
  const main = useQuery<Answer>(keyOf(state, state.model));
  const beside = useQuery<Answer>(state.beside === null ? null : keyOf(state, state.beside));
  const hasTerm = state.term.trim() !== "";
  const isCompared = hasTerm && state.beside !== null;
  const lists = [main, ...(isCompared ? [beside] : [])].map(({ data }) => data?.results ?? []);
  const actions = {
    onSimilar: (term: string) => change({ mode: "product", term }),
    onCategory: (category: string) => change({ category }),
  };
  const [mainList = [], besideList = []] = lists;
  return (
    <div className="flex flex-col gap-4">
      <SearchForm
        key={state.mode}
        state={state}
        categories={hasTerm ? categoriesOf(lists) : []}
        change={change}
      >
        {models.data === undefined ? null : (
          <ModelPicker models={models.data.models} state={state} change={change} />
        )}
      </SearchForm>
      {isCompared && main.data !== undefined && beside.data !== undefined ? (
        <p role="status" className="text-[.933rem]">
          {t("search.shared", {
            count: sharedOf(mainList, besideList),
            most: Math.max(mainList.length, besideList.length),
          })}
        </p>
      ) : null}
      {hasTerm && hasPricesUpsideDown(state) ? (
        <p role="status" className="panel p-4">
          {t("search.price.upside-down")}
        </p>
      ) : hasTerm ? (
        <div className={`grid items-start gap-4 ${isCompared ? "xl:grid-cols-2" : ""}`}>
          <ResultPanel
            query={main}
            there={isCompared && beside.data !== undefined ? ranksOf(besideList) : undefined}
            {...actions}
          />
          {isCompared ? (
            <ResultPanel
              query={beside}
              there={main.data === undefined ? undefined : ranksOf(mainList)}
              {...actions}
            />
          ) : null}
        </div>
      ) : (
        <StartPanel mode={state.mode} onSearch={(term) => change({ term })} />
      )}
    </div>
  );
}
