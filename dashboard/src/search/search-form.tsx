"use client";
import {
  type FormEvent,
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import { Icon } from "../controls/icons.tsx";
import { Segments } from "../controls/segments.tsx";
import { useShortcut } from "../frame/shortcut-context.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { longestAsked, readPrice, type SearchState, searchModes } from "./search-state.ts";

interface SearchFormProps {
  readonly state: SearchState;
  /** Of the results on the page. */
  readonly categories: readonly string[];
  /** Which models answer. */
  readonly children: ReactNode;
  change(next: Partial<SearchState>, how?: "push" | "replace"): void;
}

/** What is asked, and what narrows it. */
export function SearchForm({ state, categories, children, change }: SearchFormProps) {
  const { t } = useLanguage();
  return (
    <section className="panel flex flex-col gap-3 p-4" aria-label={t("search.query")}>
      <div className="flex flex-wrap items-center gap-3">
        <Segments
          label={t("search.mode")}
          value={state.mode}
          options={searchModes.map((value) => ({ value, text: t(`search.mode.${value}`) }))}
          onChange={(mode) => change({ mode, asked: "" })}
        />
        <p className="text-[.867rem] text-muted">{t(`search.mode.${state.mode}.text`)}</p>
      </div>
      <AskedField state={state} change={change} />
      <div className="flex flex-wrap items-end gap-x-4 gap-y-2">
        <FilterField
          label={t("search.category")}
          value={state.category ?? ""}
          suggestions={categories}
          className="w-56"
          onKeep={(text) => change({ category: text === "" ? null : text })}
        />
        <FilterField
          label={t("search.price.from")}
          value={state.priceFrom === null ? "" : String(state.priceFrom)}
          isNumber
          className="w-24"
          onKeep={(text) => change({ priceFrom: readPrice(text) })}
        />
        <FilterField
          label={t("search.price.to")}
          value={state.priceTo === null ? "" : String(state.priceTo)}
          isNumber
          className="w-24"
          onKeep={(text) => change({ priceTo: readPrice(text) })}
        />
        {state.mode === "text" ? (
          <label
            className="flex min-h-[2.134rem] items-center gap-2 text-[.867rem]"
            title={t("search.hybrid.why")}
          >
            <input
              type="checkbox"
              checked={state.hybrid}
              onChange={(event) => change({ hybrid: event.target.checked })}
            />
            {t("search.hybrid")}
          </label>
        ) : null}
        <div className="2xl:ml-auto">{children}</div>
      </div>
    </section>
  );
}

/** Somebody who types is answered when they rest for this long. */
const restMs = 220;

function AskedField({ state, change }: Pick<SearchFormProps, "state" | "change">) {
  const { t } = useLanguage();
  const { mode, asked } = state;
  const input = useRef<HTMLInputElement>(null);
  const [draft, setDraft] = useState(asked);
  /** Sent to the address and not yet seen in it. */
  const underway = useRef<string[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useShortcut("filter", () => input.current?.focus());
  useEffect(() => {
    const at = underway.current.indexOf(asked);
    if (at >= 0) {
      underway.current.splice(0, at + 1);
      return;
    }
    // Not typed here: Back, a link, or a product of the list.
    clearTimeout(timer.current);
    setDraft(asked);
  }, [asked]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const ask = (text: string, how: "push" | "replace") => {
    clearTimeout(timer.current);
    if (text === asked) return;
    underway.current.push(text);
    change({ asked: text }, how);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    ask(draft, "push");
  };
  return (
    <form onSubmit={submit} className="flex">
      <input
        ref={input}
        type="search"
        className="field min-h-[2.6rem] min-w-0 flex-1 rounded-r-none border-r-0 text-[1rem]"
        aria-label={t(`search.asked.${mode}`)}
        placeholder={t(`search.asked.${mode}`)}
        autoComplete="off"
        spellCheck={mode === "text"}
        maxLength={longestAsked[mode]}
        value={draft}
        onChange={({ target }) => {
          setDraft(target.value);
          clearTimeout(timer.current);
          // An id is looked up when it is whole; half of one would only be not found.
          if (mode !== "text" && target.value !== "") return;
          timer.current = setTimeout(() => ask(target.value, "replace"), restMs);
        }}
      />
      <button type="submit" className="btn btn-primary min-h-[2.6rem] rounded-l-none">
        <Icon name="search" size={16} />
        {t("search.submit")}
      </button>
    </form>
  );
}

interface FilterFieldProps {
  readonly label: string;
  readonly value: string;
  readonly suggestions?: readonly string[];
  readonly isNumber?: boolean;
  readonly className: string;
  onKeep(text: string): void;
}

/** A field that counts when it is left, or with Enter. */
function FilterField(props: FilterFieldProps) {
  const { label, value, suggestions = [], isNumber = false, className, onKeep } = props;
  const listId = useId();
  const [draft, setDraft] = useState<string>();
  const keep = () => {
    if (draft !== undefined && draft.trim() !== value) onKeep(draft.trim());
    setDraft(undefined);
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "Enter") keep();
    if (event.key === "Escape") setDraft(undefined);
  };
  return (
    <label className="flex flex-col gap-0.5">
      <span className="field-label">{label}</span>
      <input
        className={`field ${className}`}
        list={suggestions.length === 0 ? undefined : listId}
        inputMode={isNumber ? "decimal" : "text"}
        autoComplete="off"
        spellCheck={false}
        maxLength={isNumber ? 20 : 200}
        value={draft ?? value}
        onChange={({ target }) => {
          // A suggestion that is picked, and a field that is emptied, count at once.
          if (target.value === "" || suggestions.includes(target.value)) {
            setDraft(undefined);
            onKeep(target.value);
          } else setDraft(target.value);
        }}
        onBlur={keep}
        onKeyDown={press}
      />
      <datalist id={listId}>
        {suggestions.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </label>
  );
}
