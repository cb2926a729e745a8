"use client";
import { type ReactNode, useSyncExternalStore } from "react";
import { DataProvider } from "../data/data-context.tsx";
import { LanguageProvider } from "../language/language-context.tsx";
import { BootSkeleton } from "./boot-skeleton.tsx";
import { PreferenceProvider } from "./preference-context.tsx";
import { ShortcutProvider } from "./shortcut-context.tsx";

const never = () => () => {};

/**
 * Everything that the screens find around them. Language, theme and session are the browser's to
 * know, so the exported HTML holds only the skeleton and the screens are drawn in the browser.
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
