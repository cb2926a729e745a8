"use client";
import { type ReactNode, useSyncExternalStore } from "react";
import { DataProvider } from "../data/data-context.tsx";
import { LanguageProvider } from "../language/language-context.tsx";
import { BootSkeleton } from "./boot-skeleton.tsx";
import { PreferenceProvider } from "./preference-context.tsx";
import { ShortcutProvider } from "./shortcut-context.tsx";

const never = () => () => {};

/**
 * The contexts of all screens. Only the browser knows language, theme and session,
 * so the exported HTML holds only the skeleton, and the browser renders the screens.
 */
export function AppProviders({ children }: { children: ReactNode }) {
  const inBrowser = useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
  if (!inBrowser) return <BootSkeleton />;
  return (
    <PreferenceProvider>
      {(preferences) => (
        <LanguageProvider preferences={preferences}>
          <ShortcutProvider preferences={preferences}>
            <DataProvider>{children}</DataProvider>
          </ShortcutProvider>
        </LanguageProvider>
      )}
    </PreferenceProvider>
  );
}
