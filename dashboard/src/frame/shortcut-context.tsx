"use client";
import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import type { PreferenceStore } from "./preferences.ts";
import { noShortcut, pressKey, type ShortcutAction } from "./shortcuts.ts";

type Handlers = Map<ShortcutAction, () => void>;
const ShortcutContext = createContext<Handlers | undefined>(undefined);

export function ShortcutProvider(props: { preferences: PreferenceStore; children: ReactNode }) {
  const { preferences, children } = props;
  const [handlers] = useState<Handlers>(() => new Map());
  const { shortcuts } = useSyncExternalStore(
    preferences.subscribe,
    preferences.read,
    preferences.read,
  );
  useEffect(() => {
    if (!shortcuts) return;
    let state = noShortcut;
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.repeat) return;
      const [next, action] = pressKey(
        state,
        {
          key: event.key,
          altKey: event.altKey,
          ctrlKey: event.ctrlKey,
          metaKey: event.metaKey,
          typing: isTyping(event.target),
        },
        performance.now(),
      );
      state = next;
      const run = action === undefined ? undefined : handlers.get(action);
      if (run === undefined) return;
      event.preventDefault();
      run();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [handlers, shortcuts]);
  return <ShortcutContext value={handlers}>{children}</ShortcutContext>;
}

function isTyping(target: EventTarget | null): boolean {
  if (document.querySelector("dialog[open]") !== null) return true;
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "SELECT", "TEXTAREA"].includes(target.tagName);
}

/** Runs `run` at a shortcut, as long as the component is on the page. */
export function useShortcut(action: ShortcutAction, run: () => void): void {
  const handlers = useContext(ShortcutContext);
  const latest = useRef(run);
  useEffect(() => {
    latest.current = run;
  });
  useEffect(() => {
    if (handlers === undefined) return;
    const call = () => latest.current();
    handlers.set(action, call);
    return () => {
      if (handlers.get(action) === call) handlers.delete(action);
    };
  }, [handlers, action]);
}
