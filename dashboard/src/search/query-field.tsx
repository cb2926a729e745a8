"use client";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Icon } from "../controls/icons.tsx";
import { useShortcut } from "../frame/shortcut-context.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { maxTermLength, type SearchState } from "./search-state.ts";

interface QueryFieldProps {
  readonly state: SearchState;
  change(next: Partial<SearchState>, how?: "push" | "replace"): void;
}

/** A text is searched for after a pause in typing of this length. */
const typingPauseMs = 220;

/** The text or the id to search for. */
export function QueryField({ state, change }: QueryFieldProps) {
  const { t } = useLanguage();
  const { mode, term } = state;
  const input = useRef<HTMLInputElement>(null);
  const [draft, setDraft] = useState(term);
  /** Written to the address and not yet read back from it. */
  const writing = useRef<string[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useShortcut("filter", () => input.current?.focus());
  useEffect(() => {
    const at = writing.current.indexOf(term);
    if (at >= 0) {
      writing.current.splice(0, at + 1);
      return;
    }
    // A change from elsewhere: Back, a link, or a product of the list.
    clearTimeout(timer.current);
    setDraft(term);
  }, [term]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const search = (text: string, how: "push" | "replace") => {
    clearTimeout(timer.current);
    if (text === term) return;
    writing.current.push(text);
    change({ term: text }, how);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    search(draft, "push");
  };
  return (
    <form onSubmit={submit} className="flex">
      <input
        ref={input}
        type="search"
        className="field min-h-[2.6rem] min-w-0 flex-1 rounded-r-none border-r-0 text-[1rem]"
        aria-label={t(`search.term.${mode}`)}
        placeholder={t(`search.term.${mode}`)}
        autoComplete="off"
        spellCheck={mode === "text"}
        maxLength={maxTermLength[mode]}
        value={draft}
        onChange={({ target }) => {
          setDraft(target.value);
          clearTimeout(timer.current);
          // An id is looked up on Enter: a part of one would not be found.
          if (mode !== "text" && target.value !== "") return;
          timer.current = setTimeout(() => search(target.value, "replace"), typingPauseMs);
        }}
      />
      <button type="submit" className="btn btn-primary min-h-[2.6rem] rounded-l-none">
        <Icon name="search" size={16} />
        {t("search.submit")}
      </button>
    </form>
  );
}
