"use client";
import { productSorts, type TopProducts } from "@weir/protocol";
import { memo } from "react";
import { PanelBody } from "../controls/panel-body.tsx";
import { PanelHead } from "../controls/panel-head.tsx";
import { Segments } from "../controls/segments.tsx";
import { ShareBar } from "../controls/share-bar.tsx";
import { PanelNote, SkeletonRows } from "../controls/states.tsx";
import type { Query } from "../data/data-context.tsx";
import type { Failure } from "../data/request.ts";
import type { Formats } from "../format/formats.ts";
import { useNavigation } from "../frame/navigation.tsx";
import { similarPath } from "../frame/screens.ts";
import { useFormats, useLanguage } from "../language/language-context.tsx";
import type { OverviewState, ProductSort } from "./overview-state.ts";
import { amountOf } from "./revenue.ts";

interface ProductsPanelProps {
  readonly query: Query<TopProducts>;
  readonly state: OverviewState;
  readonly currency: string | null;
  readonly csv: string | null;
  /** Why the whole screen failed. */
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
      <PanelHead title={title} csv={csv}>
        <Segments
          label={t("overview.products.by")}
          value={state.sort}
          options={productSorts.map((value) => ({ value, text: t(`metric.${value}`) }))}
          onChange={(sort) => onChange({ sort })}
        />
      </PanelHead>
      <PanelBody query={query} above={above} skeleton={<SkeletonRows rows={8} />}>
        {({ rows, sort, currency: answered }) =>
          rows.length === 0 ? (
            <PanelNote>{t("overview.products.empty")}</PanelNote>
          ) : (
            <ProductTable
              rows={rows}
              sort={sort}
              currency={answered ?? currency}
              zone={state.zone}
            />
          )
        }
      </PanelBody>
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
