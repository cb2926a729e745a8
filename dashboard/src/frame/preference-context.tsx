"use client";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { createPreferences, type PreferenceStore, type Preferences } from "./preferences.ts";

const PreferenceContext = createContext<PreferenceStore | undefined>(undefined);

/** Holds the preferences and sets them on the root element, where the style sheets read them. */
export function PreferenceProvider(props: { children: (store: PreferenceStore) => ReactNode }) {
  const [store] = useState(() => createPreferences(browserStorage(), navigator.language));
  useEffect(() => {
    const show = () => showOnRoot(store.read());
    show();
    return store.subscribe(show);
  }, [store]);
  return <PreferenceContext value={store}>{props.children(store)}</PreferenceContext>;
}

export function usePreferences(): PreferenceStore {
  const store = useContext(PreferenceContext);
  if (store === undefined) throw new Error("usePreferences outside of PreferenceProvider");
  return store;
}

function showOnRoot({ theme, language }: Preferences) {
  const root = document.documentElement;
  root.lang = language;
  if (theme === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = theme;
}

function browserStorage(): Storage | undefined {
  try {
    return window.localStorage;
  } catch {
    return undefined;
  }
}
