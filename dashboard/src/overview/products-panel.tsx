"use client";
import { productSorts, type TopProducts } from "@weir/protocol";
import { memo } from "react";
import { Icon } from "../controls/icons.tsx";
import { Segments } from "../controls/segments.tsx";
import { ShareBar } from "../controls/share-bar.tsx";
import { PanelFailure, SkeletonRows } from "../controls/states.tsx";
import type { Query } from "../data/data-context.tsx";
import type { Failure } from "../data/request.ts";
import type { Formats } from "../format/formats.ts";
import { useNavigation } from "../frame/navigation.tsx";
import { similarPath } from "../frame/screens.ts";
import { useFormats, useLanguage } from "../language/language-context.tsx";
import { amountOf } from "./figure-strip.tsx";
import type { OverviewState, ProductSort } from "./overview-state.ts";

interface ProductsPanelProps {
  readonly query: Query<TopProducts>;
  readonly state: OverviewState;
  readonly currency: string | null;
  readonly csv: string | null;
  /** Why the whole page failed, which then need not be said again. */
  readonly above: Failure | undefined;
  onChange(change: Partial<OverviewState>): void;
}

export function ProductsPanel({
  query,
  state,
  currency,
  csv,
  above,
  onChange,
}: ProductsPanelProps) {
  const { t } = useLanguage();
  const title = t("overview.products.title");
  return (
    <section className="panel flex min-w-0 flex-col" aria-label={title}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 pt-3 pb-2">
        <h2 className="panel-title">{title}</h2>
        <div className="ml-auto flex max-w-full min-w-0 flex-wrap items-center gap-2">
          <Segments
            label={t("overview.products.by")}
            value={state.sort}
            options={productSorts.map((value) => ({ value, text: t(`metric.${value}`) }))}
            onChange={(sort) => onChange({ sort })}
          />
          {csv === null ? null : (
            <a
              className="btn btn-small"
              href={csv}
              download
              aria-label={t("app.csv.of", { what: title })}
            >
              <Icon name="download" size={15} />
              {t("app.csv")}
            </a>
          )}
        </div>
      </div>
      <PanelFailure query={query} above={above} />
      {query.data === undefined ? (
        query.failure === undefined ? (
          <SkeletonRows rows={8} />
        ) : null
      ) : query.data.rows.length === 0 ? (
        <p className="px-4 pt-3 pb-6 text-[.867rem] text-muted">{t("overview.products.empty")}</p>
      ) : (
        <div className={query.stale ? "opacity-50" : ""}>
          <ProductTable
            rows={query.data.rows}
            sort={query.data.sort}
            currency={query.data.currency ?? currency}
            zone={state.zone}
          />
        </div>
      )}
    </section>
  );
}

interface ProductTableProps {
  readonly rows: TopProducts["rows"];
  readonly sort: ProductSort;
  readonly currency: string | null;
  readonly zone: string;
}

const counts = ["views", "carts", "purchases"] as const;

const ProductTable = memo(function ProductTable({ rows, sort, currency, zone }: ProductTableProps) {
  const { t } = useLanguage();
  const { Link } = useNavigation();
  const formats = useFormats(zone);
  const size = (row: TopProducts["rows"][number]) =>
    sort === "revenue"
      ? Number(currency === null ? 0 : amountOf(row.revenue, currency))
      : row[sort];
  const largest = Math.max(1e-9, ...rows.map(size));
  const look = (column: ProductSort) =>
    `number ${column === sort ? "font-semibold" : "text-muted hidden sm:table-cell"}`;
  return (
    <table className="table">
      <thead>
        <tr>
          <th scope="col">{t("overview.products.product")}</th>
          {counts.map((column) => (
            <th key={column} scope="col" className={look(column)}>
              {t(`metric.${column}`)}
            </th>
          ))}
          <th scope="col" className={look("revenue")}>
            {t("metric.revenue")}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.product_id}>
            <td className="w-full max-w-0">
              <span className="block truncate" title={row.product_id}>
                <Link href={similarPath(row.product_id)} className="hover:underline">
                  {row.name ?? row.product_id}
                </Link>
                {row.category === null ? null : (
                  <span className="pl-2 text-[.8rem] text-faint">{row.category}</span>
                )}
              </span>
              <span className="mt-1 block">
                <ShareBar share={size(row) / largest} />
              </span>
            </td>
            {counts.map((column) => (
              <td key={column} className={look(column)}>
                {formats.count(row[column])}
              </td>
            ))}
            <td className={`${look("revenue")} whitespace-nowrap`}>
              {revenueText(row, currency, formats)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
});

function revenueText(
  row: TopProducts["rows"][number],
  currency: string | null,
  formats: Formats,
): string {
  const own = row.revenue.find((money) => money.currency === currency) ?? row.revenue[0];
  return own === undefined ? "–" : formats.money(own.amount, own.currency);
}
