"use client";
import type {
  FoundProduct,
  Recommendations,
  SearchAnswer,
  SearchSource,
  SimilarAnswer,
} from "@weir/protocol";
import { Icon } from "../controls/icons.tsx";
import { ShareBar } from "../controls/share-bar.tsx";
import { FailureNote, SkeletonRows } from "../controls/states.tsx";
import type { Query } from "../data/data-context.tsx";
import type { Formats } from "../format/formats.ts";
import { useLanguage } from "../language/language-context.tsx";
import { busiestCounts } from "./ranks.ts";

/** What the three questions answer; what one of them alone tells is missing in the others. */
export type Answer = SearchAnswer &
  Partial<Pick<SimilarAnswer, "product">> &
  Partial<Pick<Recommendations, "basis" | "excluded_bought">>;

export interface ResultPanelProps {
  readonly query: Query<Answer>;
  /** The ranks in the list beside this one; undefined when there is none. */
  readonly there: ReadonlyMap<string, number> | undefined;
  onSimilar(productId: string): void;
  onCategory(category: string): void;
}

/** The answer of one model: best first, with what it rests on. */
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

/** Which model made the vectors, and how complete the index was. */
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

/** What the answer is about: the product that others are like, or what is known of the user. */
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

interface ResultRowProps extends Pick<ResultPanelProps, "there" | "onSimilar" | "onCategory"> {
  readonly product: FoundProduct;
  readonly rank: number;
  /** Popular products are not like anything. */
  readonly isScored: boolean;
}

const shownCounts = 3;

function ResultRow(props: ResultRowProps) {
  const { product, rank, isScored, there, onSimilar, onCategory } = props;
  const { t, formats } = useLanguage();
  const { product_id: id, name, category } = product;
  const title = name ?? id;
  return (
    <li className="grid grid-cols-[1.6rem_minmax(0,1fr)_auto] items-center gap-x-3 border-b border-line px-4 py-2 last:border-b-0">
      <span className="text-right text-[.867rem] text-faint">{rank}</span>
      <div className="min-w-0">
        <p className="flex min-w-0 flex-wrap items-baseline gap-x-2">
          <span
            className="max-w-full truncate text-[.933rem] font-medium"
            title={`${title} · ${id}`}
          >
            {title}
          </span>
          {category === null ? null : (
            <button
              type="button"
              className="text-[.8rem] text-muted hover:text-ink hover:underline"
              title={t("search.category.only", { category })}
              onClick={() => onCategory(category)}
            >
              {category}
            </button>
          )}
          {there === undefined ? null : <OtherRank rank={rank} there={there.get(id)} />}
        </p>
        <p className="flex flex-wrap gap-x-3 text-[.8rem] text-muted">
          {product.price === null ? null : <span>{priceText(product, formats)}</span>}
          {busiestCounts(product.counts, shownCounts).map(([type, count]) => (
            <span key={type}>
              {type} {formats.count(count)}
            </span>
          ))}
        </p>
      </div>
      <div className="flex items-center gap-3">
        {isScored ? (
          <span className="w-14" title={t("search.score.why")}>
            <span className="block text-right text-[.867rem] font-semibold">
              {formats.score(product.score)}
            </span>
            <ShareBar share={product.score} />
          </span>
        ) : null}
        <button
          type="button"
          className="btn btn-small"
          aria-label={t("search.similar.of", { product: title })}
          title={t("search.similar.of", { product: title })}
          onClick={() => onSimilar(id)}
        >
          <Icon name="similar" size={15} />
          <span className="max-md:hidden">{t("search.similar")}</span>
        </button>
      </div>
    </li>
  );
}

/** Where the model beside puts the same product. */
function OtherRank({ rank, there }: { rank: number; there: number | undefined }) {
  const { t } = useLanguage();
  if (there === undefined) return <span className="badge badge-busy">{t("search.only-here")}</span>;
  const move = there === rank ? "=" : there > rank ? "↓" : "↑";
  return (
    <span className="badge">
      <span aria-hidden="true">{move}</span> {t("search.rank-there", { rank: there })}
    </span>
  );
}

function priceText({ price, currency }: FoundProduct, formats: Formats): string {
  if (price === null) return "";
  return currency === null ? formats.score(price) : formats.money(String(price), currency);
}
