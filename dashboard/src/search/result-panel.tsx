"use client";
import type { Recommendations, SearchAnswer, SearchSource, SimilarAnswer } from "@weir/protocol";
import { FailureNote, SkeletonRows } from "../controls/states.tsx";
import type { Query } from "../data/data-context.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { type ResultActions, ResultRow } from "./result-row.tsx";

/** The answer of any of the three searches. Some members belong to one of them only. */
export type Answer = SearchAnswer &
  Partial<Pick<SimilarAnswer, "product">> &
  Partial<Pick<Recommendations, "basis" | "excluded_bought">>;

interface ResultPanelProps extends ResultActions {
  readonly query: Query<Answer>;
}

/** The answer of one model: best first, with what it is based on. */
export function ResultPanel(props: ResultPanelProps) {
  const { query, there, onSimilar, onCategory } = props;
  const { t } = useLanguage();
  const { data, failure, stale } = query;
  if (data === undefined || (failure !== undefined && !failure.retryable)) {
    return (
      <section className="panel min-w-0" aria-label={t("search.results")}>
        {failure === undefined ? (
          <SkeletonRows rows={8} />
        ) : failure.code === "not_found" ? (
          <p className="px-4 py-8 text-[.933rem] text-muted">{t("search.results.unknown")}</p>
        ) : (
          <div className="p-4">
            <FailureNote failure={failure} onRetry={query.refresh} />
          </div>
        )}
      </section>
    );
  }
  return (
    <section
      className={`panel min-w-0 overflow-hidden ${stale ? "opacity-50" : ""}`}
      aria-label={t("search.results.of", { model: data.source.model.id })}
    >
      <SourceNote source={data.source} />
      {failure === undefined ? null : (
        <div className="p-4">
          <FailureNote failure={failure} onRetry={query.refresh} />
        </div>
      )}
      <Basis answer={data} />
      {data.results.length === 0 ? (
        <p className="px-4 py-8 text-[.933rem] text-muted">{t("search.results.none")}</p>
      ) : (
        <ol>
          {data.results.map((product, index) => (
            <ResultRow
              key={product.product_id}
              product={product}
              rank={index + 1}
              isScored={data.basis !== "popular"}
              there={there}
              onSimilar={onSimilar}
              onCategory={onCategory}
            />
          ))}
        </ol>
      )}
    </section>
  );
}

/** The model of the vectors, and the state of the index. */
function SourceNote({ source: { model, index } }: { source: SearchSource }) {
  const { t, formats } = useLanguage();
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2.5 text-[.8rem] text-muted">
      <span className="font-mono font-semibold break-all text-ink">{model.id}</span>
      <span>
        {t("search.source.dimension", { dimension: formats.number.format(model.dimension) })}
      </span>
      {model.corpus_texts === null || model.corpus_texts === 0 ? null : (
        <span>{t("search.source.fitted", { count: model.corpus_texts })}</span>
      )}
      <span>{t("search.source.points", { count: index.points, driver: index.driver })}</span>
      {index.state === "ready" ? null : (
        <span className="badge badge-busy">{t("search.source.loading")}</span>
      )}
    </div>
  );
}

/** The reference product, or what is known about the user. */
function Basis({ answer }: { answer: Answer }) {
  const { t } = useLanguage();
  const { product, basis, excluded_bought: bought } = answer;
  if (product !== undefined) {
    return (
      <p className="border-b border-line bg-accent-wash px-4 py-2.5 text-[.933rem]">
        <span className="text-muted">{t("search.like")}</span>{" "}
        <strong className="font-semibold">{product.name ?? product.product_id}</strong>
        {product.category === null ? null : (
          <span className="pl-2 text-[.8rem] text-muted">{product.category}</span>
        )}
      </p>
    );
  }
  if (basis === undefined) return null;
  return (
    <p className="border-b border-line bg-accent-wash px-4 py-2.5 text-[.933rem]">
      {t(`search.basis.${basis}`)}
      {bought === undefined || bought === 0 ? null : (
        <span className="text-muted"> {t("search.bought", { count: bought })}</span>
      )}
    </p>
  );
}
