"use client";
import type { ReactNode } from "react";
import { useLanguage } from "../language/language-context.tsx";
import { Icon } from "./icons.tsx";

interface PanelHeadProps {
  /** Names the CSV file to screen readers. Shown as the heading unless there is a `lead`. */
  readonly title: string;
  /** In place of the heading, such as pickers that say what the panel shows. */
  readonly lead?: ReactNode;
  /** Address of the panel's data as CSV; null while there is none. */
  readonly csv: string | null;
  /** Controls before the CSV link. */
  readonly children?: ReactNode;
}

/** The head of a panel: what it shows on the left, its controls on the right. */
export function PanelHead({ title, lead, csv, children }: PanelHeadProps) {
  return (
    <div className="flex min-h-13 flex-wrap items-center gap-x-3 gap-y-2 px-4 pt-3 pb-2">
      {lead ?? <h2 className="panel-title">{title}</h2>}
      <div className="ml-auto flex max-w-full min-w-0 flex-wrap items-center gap-2">
        {children}
        {csv === null ? null : <CsvLink title={title} href={csv} />}
      </div>
    </div>
  );
}

function CsvLink({ title, href }: { title: string; href: string }) {
  const { t } = useLanguage();
  return (
    <a className="btn btn-small" href={href} download aria-label={t("app.csv.of", { what: title })}>
      <Icon name="download" size={15} />
      {t("app.csv")}
    </a>
  );
}
