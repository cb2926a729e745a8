"use client";
import { createContext, type ReactNode, useContext, useMemo, useSyncExternalStore } from "react";
import { createFormats, type Formats, type Language } from "../format/formats.ts";
import type { PreferenceStore } from "../frame/preferences.ts";
import { en } from "./en.ts";
import { fillMessage, type Message, type Values } from "./message.ts";
import { tr } from "./tr.ts";

type Catalogue = typeof en;
export type MessageKey = keyof Catalogue;
export type Translate = <Key extends MessageKey>(
  key: Key,
  ...values: Values<Catalogue[Key]>
) => string;

interface LanguageValue {
  readonly language: Language;
  readonly t: Translate;
  /** Formats in the time zone of the browser; `useFormats` gives those of another zone. */
  readonly formats: Formats;
}

const catalogues: Readonly<Record<Language, Readonly<Record<MessageKey, Message>>>> = { en, tr };
const LanguageContext = createContext<LanguageValue | undefined>(undefined);

export const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export function LanguageProvider(props: { preferences: PreferenceStore; children: ReactNode }) {
  const { preferences, children } = props;
  const { language } = useSyncExternalStore(
    preferences.subscribe,
    preferences.read,
    preferences.read,
  );
  const value = useMemo(() => languageValue(language), [language]);
  return <LanguageContext value={value}>{children}</LanguageContext>;
}

function languageValue(language: Language): LanguageValue {
  const formats = createFormats(language, browserZone);
  const catalogue = catalogues[language];
  const t: Translate = (key, ...values) => fillMessage(catalogue[key], values[0] ?? {}, formats);
  return { language, t, formats };
}

export function useLanguage(): LanguageValue {
  const value = useContext(LanguageContext);
  if (value === undefined) throw new Error("useLanguage outside of LanguageProvider");
  return value;
}

/** Formats of the selected language in a time zone. */
export function useFormats(zone: string): Formats {
  const { language } = useLanguage();
  return useMemo(() => createFormats(language, zone), [language, zone]);
}
