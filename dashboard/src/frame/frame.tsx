"use client";
import type { Meta } from "@weir/protocol";
import { type ReactNode, useEffect, useState } from "react";
import { Icon, Mark } from "../controls/icons.tsx";
import { FailureNote } from "../controls/states.tsx";
import { useQueries, useQuery, useSession } from "../data/data-context.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { signInPath } from "../signin/return-path.ts";
import { BootSkeleton } from "./boot-skeleton.tsx";
import { FreshnessNote } from "./freshness-note.tsx";
import { useNavigation } from "./navigation.tsx";
import { type Place, places } from "./places.ts";
import { usePreferences } from "./preference-context.tsx";
import { PreferencePanel } from "./preference-panel.tsx";
import { themes } from "./preferences.ts";
import { useShortcut } from "./shortcut-context.tsx";
import { ShortcutHelp } from "./shortcut-help.tsx";

/** The walls around every room: shown to whoever is signed in, and nobody else. */
export function Frame({ children }: { children: ReactNode }) {
  const { state, store } = useSession();
  const navigation = useNavigation();
  const queries = useQueries();
  useEffect(() => {
    if (state.kind === "unknown") void store.check();
    if (state.kind !== "signed-out") return;
    queries.clear();
    navigation.go(signInPath(`${window.location.pathname}${window.location.search}`), "replace");
  }, [state.kind, store, queries, navigation]);
  if (state.kind === "signed-in") return <Rooms>{children}</Rooms>;
  if (state.kind === "failed") {
    return (
      <main className="mx-auto max-w-lg px-4 pt-[20vh]">
        <FailureNote failure={state.failure} onRetry={() => void store.check()} />
      </main>
    );
  }
  return <BootSkeleton />;
}

function Rooms({ children }: { children: ReactNode }) {
  const { t } = useLanguage();
  const { path } = useNavigation();
  const [help, setHelp] = useState(false);
  const place = places.find(({ href }) => href === path);
  const title = place === undefined ? t("app.name") : t(place.name);
  useEffect(() => {
    document.title = `${title} · Weir`;
  }, [title]);
  useFrameShortcuts(() => setHelp(true));
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[13.5rem_minmax(0,1fr)]">
      <a
        href="#content"
        className="btn btn-primary fixed top-2 left-2 z-50 -translate-y-16 focus:translate-y-0"
      >
        {t("app.skip")}
      </a>
      <Sidebar onHelp={() => setHelp(true)} />
      <div className="flex min-w-0 flex-col">
        <Header title={title} onHelp={() => setHelp(true)} />
        <main
          id="content"
          tabIndex={-1}
          className="w-full max-w-[140rem] flex-1 px-4 pt-4 pb-24 outline-none md:px-6 lg:pb-10"
        >
          {children}
        </main>
      </div>
      <BottomBar />
      {help ? <ShortcutHelp onClose={() => setHelp(false)} /> : null}
    </div>
  );
}

function useFrameShortcuts(onHelp: () => void) {
  const navigation = useNavigation();
  const queries = useQueries();
  const preferences = usePreferences();
  useShortcut("help", onHelp);
  useShortcut("go-overview", () => navigation.go("/"));
  useShortcut("go-live", () => navigation.go("/live/"));
  useShortcut("go-search", () => navigation.go("/search/"));
  useShortcut("go-windows", () => navigation.go("/windows/"));
  useShortcut("refresh", () => queries.refresh());
  useShortcut("theme", () => {
    const next = (themes.indexOf(preferences.read().theme) + 1) % themes.length;
    preferences.change({ theme: themes[next] ?? "system" });
  });
}

function Sidebar({ onHelp }: { onHelp: () => void }) {
  const { t } = useLanguage();
  const { Link } = useNavigation();
  const group = (name: Place["group"]) => (
    <section key={name} aria-label={t(`nav.group.${name}`)} className="mt-5">
      <p className="px-3 pb-1 text-[.767rem] text-faint">{t(`nav.group.${name}`)}</p>
      {places
        .filter((place) => place.group === name)
        .map((place) => (
          <PlaceLink key={place.href} place={place} className="px-3 py-1.5" />
        ))}
    </section>
  );
  return (
    <aside
      aria-label="Weir"
      className="sticky top-0 hidden h-dvh flex-col overflow-y-auto border-r border-line bg-surface px-3 py-4 lg:flex"
    >
      <Link
        href="/"
        className="flex items-center gap-2 px-2 text-[1.2rem] font-semibold tracking-tight"
      >
        <Mark />
        Weir
      </Link>
      <nav aria-label={t("nav.label")}>{(["see", "run"] as const).map(group)}</nav>
      <div className="mt-auto px-1 pt-8">
        <PreferencePanel onHelp={onHelp} />
      </div>
    </aside>
  );
}

function PlaceLink({ place, className }: { place: Place; className: string }) {
  const { t } = useLanguage();
  const { path, Link } = useNavigation();
  const here = place.href === path;
  const look = here
    ? "bg-accent-soft font-semibold text-ink"
    : "text-muted hover:bg-sunken hover:text-ink";
  return (
    <Link
      href={place.href}
      aria-current={here ? "page" : undefined}
      className={`flex items-center gap-2.5 rounded-md text-[.933rem] ${look} ${className}`}
    >
      <Icon name={place.icon} />
      {t(place.name)}
    </Link>
  );
}

function Header({ title, onHelp }: { title: string; onHelp: () => void }) {
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

/** Which installation this is, so that nobody takes staging for production. */
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

function BottomBar() {
  const { t } = useLanguage();
  return (
    <nav
      aria-label={t("nav.label")}
      className="fixed inset-x-0 bottom-0 z-20 flex border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] lg:hidden"
    >
      {places.map((place) => (
        <PlaceLink
          key={place.href}
          place={place}
          className="m-1 flex-1 flex-col gap-0.5! py-1 text-[.767rem]!"
        />
      ))}
    </nav>
  );
}
