"use client";
import { type ReactNode, useEffect, useState } from "react";
import { FailureNote } from "../controls/states.tsx";
import { useOutage, useQueries, useSession } from "../data/data-context.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { signInPath } from "../sign-in/return-path.ts";
import { BootSkeleton } from "./boot-skeleton.tsx";
import { Header } from "./header.tsx";
import { useNavigation } from "./navigation.tsx";
import { OutageBanner } from "./outage-banner.tsx";
import { usePreferences } from "./preference-context.tsx";
import { themes } from "./preferences.ts";
import { BottomBar, Sidebar } from "./screen-links.tsx";
import { screens } from "./screens.ts";
import { useShortcut } from "./shortcut-context.tsx";
import { ShortcutHelp } from "./shortcut-help.tsx";

/** What surrounds every screen. Without a session it leads to the sign-in page. */
export function Frame({ children }: { children: ReactNode }) {
  const { state, store } = useSession();
  const navigation = useNavigation();
  const queries = useQueries();
  const outage = useOutage();
  useEffect(() => {
    if (state.kind === "unknown") void store.check();
    if (state.kind !== "signed-out") return;
    queries.clear();
    navigation.go(signInPath(`${window.location.pathname}${window.location.search}`), "replace");
  }, [state.kind, store, queries, navigation]);
  if (state.kind === "signed-in") return <Screen>{children}</Screen>;
  // Whether there is a session cannot be known: the frame says why, and nothing of the data is shown.
  if (state.kind === "failed" && outage !== undefined) return <Screen>{null}</Screen>;
  if (state.kind === "failed") {
    return (
      <main className="mx-auto max-w-lg px-4 pt-[20vh]">
        <FailureNote failure={state.failure} onRetry={() => void store.check()} />
      </main>
    );
  }
  return <BootSkeleton />;
}

/** The frame around a screen's content. */
function Screen({ children }: { children: ReactNode }) {
  const { t } = useLanguage();
  const { path } = useNavigation();
  const [help, setHelp] = useState(false);
  const screen = screens.find(({ href }) => href === path);
  const title = screen === undefined ? t("app.name") : t(screen.name);
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
          <OutageBanner />
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
