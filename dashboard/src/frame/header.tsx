"use client";
import type { Meta } from "@weir/protocol";
import { Icon, Mark } from "../controls/icons.tsx";
import { useQuery } from "../data/data-context.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { FreshnessNote } from "./freshness-note.tsx";
import { PreferencePanel } from "./preference-panel.tsx";

/** The title of the screen, how fresh its numbers are, and which installation it shows. */
export function Header({ title, onHelp }: { title: string; onHelp: () => void }) {
  const { t } = useLanguage();
  return (
    <header className="sticky top-0 z-20 border-b border-line bg-paper">
      <div className="flex h-13 items-center gap-3 px-4 md:px-6">
        <span className="lg:hidden">
          <Mark size={24} />
        </span>
        <h1 className="min-w-0 truncate text-[1.133rem] font-semibold tracking-tight">{title}</h1>
        <div className="ml-auto flex items-center gap-4">
          <FreshnessNote />
          <Installation />
          <button
            type="button"
            popoverTarget="preferences"
            className="btn btn-bare -mr-2 lg:hidden"
            aria-label={t("frame.menu")}
          >
            <Icon name="menu" size={20} />
          </button>
        </div>
      </div>
      <div
        id="preferences"
        popover="auto"
        className="fixed top-14 right-3 left-auto m-0 rounded-lg border border-line bg-surface p-4 shadow-xl"
      >
        <PreferencePanel onHelp={onHelp} />
      </div>
    </header>
  );
}

/** Environment and version, so that staging is not mistaken for production. */
function Installation() {
  const { t } = useLanguage();
  const { data } = useQuery<Meta>("/api/meta");
  if (data === undefined) return null;
  return (
    <span className="hidden items-center gap-2 text-[.8rem] text-muted md:flex">
      {data.environment === undefined ? null : <span className="badge">{data.environment}</span>}
      <a href="/docs" title={t("frame.api")} className="hover:text-ink hover:underline">
        {t("frame.version", { version: data.version })}
      </a>
    </span>
  );
}
