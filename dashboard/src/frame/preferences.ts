import { member } from "../data/member.ts";
import { type Language, languages } from "../format/formats.ts";

export const themes = ["light", "dark", "system"] as const;
export type Theme = (typeof themes)[number];

export interface Preferences {
  readonly theme: Theme;
  readonly language: Language;
  readonly shortcuts: boolean;
}

type Storage = Pick<globalThis.Storage, "getItem" | "setItem">;
export type PreferenceStore = ReturnType<typeof createPreferences>;

/** The preferences of this browser. `public/boot.js` reads the same names before the first paint. */
export function createPreferences(storage: Storage | undefined, browserLanguage: string) {
  let current: Preferences = {
    theme: member(themes, read("weir.theme")) ?? "system",
    language:
      member(languages, read("weir.language")) ??
      member(languages, browserLanguage.slice(0, 2)) ??
      "en",
    shortcuts: read("weir.shortcuts") !== "off",
  };
  const listeners = new Set<() => void>();

  function read(name: string): string | null {
    try {
      return storage?.getItem(name) ?? null;
    } catch {
      // Storage can be blocked; the defaults apply.
      return null;
    }
  }

  function write(name: string, value: string) {
    try {
      storage?.setItem(name, value);
    } catch {
      // Full or blocked: the preference then lasts as long as the page.
    }
  }

  return {
    read: () => current,
    subscribe(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    change(next: Partial<Preferences>) {
      current = { ...current, ...next };
      write("weir.theme", current.theme);
      write("weir.language", current.language);
      write("weir.shortcuts", current.shortcuts ? "on" : "off");
      for (const listener of [...listeners]) listener();
    },
  };
}
