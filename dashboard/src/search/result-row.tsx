"use client";
import type { FoundProduct } from "@weir/protocol";
import { Icon } from "../controls/icons.tsx";
import { ShareBar } from "../controls/share-bar.tsx";
import type { Formats } from "../format/formats.ts";
import { useLanguage } from "../language/language-context.tsx";
import { busiestCounts } from "./ranks.ts";

export interface ResultActions {
  /** The ranks in the other list; undefined when there is only one list. */
  readonly there: ReadonlyMap<string, number> | undefined;
  onSimilar(productId: string): void;
  onCategory(category: string): void;
}

interface ResultRowProps extends ResultActions {
  readonly product: FoundProduct;
  readonly rank: number;
  /** Popular products have no similarity to show. */
  readonly isScored: boolean;
}

const shownCounts = 3;

/** One product of the answer, with its rank and its similarity. */
export function ResultRow(props: ResultRowProps) {
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

/** The rank of the same product in the other list. */
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
