"use client";
import type { Series } from "@weir/protocol";
import { ScrollRegion } from "../controls/scroll-region.tsx";
import type { Formats } from "../format/formats.ts";
import { useLanguage } from "../language/language-context.tsx";
import { bucketText } from "../range/range-text.ts";
import { changeOf, changeOfShare } from "./change.ts";
import { ChangeNote } from "./change-note.tsx";

interface SeriesTableProps extends Pick<Series, "points" | "granularity" | "metric"> {
  readonly previous: Series["points"] | null;
  readonly formats: Formats;
  write(value: string | number): string;
}

/** The chart's numbers, newest first. */
export function SeriesTable({
  points,
  previous,
  granularity,
  metric,
  formats,
  write,
}: SeriesTableProps) {
  const { t } = useLanguage();
  const change = metric === "conversion" ? changeOfShare : changeOf;
  const rows = points
    .map((point, index) => ({ point, before: previous?.[index] }))
    .filter(({ point }) => Date.parse(point.start) <= Date.now())
    .reverse();
  return (
    <ScrollRegion
      label={t(`metric.${metric}`)}
      className="mt-3 max-h-[350px] overflow-auto border-t border-line"
    >
      <table className="table">
        <thead className="sticky top-0 bg-surface">
          <tr>
            <th scope="col">{t("overview.chart.time")}</th>
            <th scope="col" className="number">
              {t(`metric.${metric}`)}
            </th>
            {previous === null ? null : (
              <>
                <th scope="col" className="number">
                  {t("overview.compare")}
                </th>
                <th scope="col" className="number">
                  {t("overview.types.change")}
                </th>
              </>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ point, before }) => (
            <tr key={point.start}>
              <td className="whitespace-nowrap">
                {bucketText(Date.parse(point.start), granularity, formats)}
              </td>
              <td className="number">{write(point.value)}</td>
              {previous === null ? null : (
                <>
                  <td className="number text-muted">
                    {before === undefined ? "–" : write(before.value)}
                  </td>
                  <td className="number">
                    {before === undefined ? null : (
                      <ChangeNote
                        change={change(Number(point.value), Number(before.value))}
                        before={write(before.value)}
                        formats={formats}
                      />
                    )}
                  </td>
                </>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}
