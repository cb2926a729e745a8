"use client";
import type { Meta } from "@weir/protocol";
import { type FormEvent, useId, useRef, useState } from "react";
import { Icon } from "../controls/icons.tsx";
import { useShortcut } from "../frame/shortcut-context.tsx";
import { useLanguage } from "../language/language-context.tsx";
import {
  addValue,
  emptyFilter,
  type Filter,
  type FilterField,
  filterFields,
  isEmpty,
  removeValue,
  replaceValue,
} from "./filter.ts";

interface FilterBarProps {
  readonly filter: Filter;
  readonly meta: Meta | undefined;
  onChange(filter: Filter): void;
}

/** The filter as chips that can be edited and removed, and a form to add one. */
export function FilterBar({ filter, meta, onChange }: FilterBarProps) {
  const { t } = useLanguage();
  const chips = filterFields.flatMap((field) => filter[field].map((value) => ({ field, value })));
  return (
    <section aria-label={t("live.filter.label")} className="flex flex-wrap items-center gap-2">
      <AddFilter filter={filter} meta={meta} onChange={onChange} />
      {chips.map(({ field, value }) => (
        <Chip
          key={`${field} ${value}`}
          field={field}
          value={value}
          filter={filter}
          onChange={onChange}
        />
      ))}
      {isEmpty(filter) ? (
        <span className="text-[.867rem] text-faint">{t("live.filter.none")}</span>
      ) : (
        <button
          type="button"
          className="btn btn-bare btn-small"
          onClick={() => onChange(emptyFilter)}
        >
          {t("live.filter.clear")}
        </button>
      )}
    </section>
  );
}

function AddFilter({ filter, meta, onChange }: FilterBarProps) {
  const { t } = useLanguage();
  const [field, setField] = useState<FilterField>("event_type");
  const [value, setValue] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  useShortcut("filter", () => input.current?.focus());
  const known: Readonly<Partial<Record<FilterField, readonly string[]>>> = {
    event_type: meta?.event_types.map(({ name }) => name) ?? [],
    source: meta?.sources ?? [],
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onChange(addValue(filter, field, value));
    setValue("");
  };
  return (
    <form onSubmit={submit} className="flex items-stretch">
      <select
        className="field rounded-r-none border-r-0"
        aria-label={t("live.filter.field")}
        value={field}
        onChange={(event) =>
          setField(filterFields.find((name) => name === event.target.value) ?? "event_type")
        }
      >
        {filterFields.map((name) => (
          <option key={name} value={name}>
            {t(`live.field.${name}`)}
          </option>
        ))}
      </select>
      <input
        ref={input}
        list={listId}
        className="field w-44 rounded-none"
        aria-label={t("live.filter.value")}
        placeholder={t("live.filter.value")}
        autoComplete="off"
        spellCheck={false}
        maxLength={256}
        value={value}
        onChange={(event) => setValue(event.target.value)}
      />
      <datalist id={listId}>
        {(known[field] ?? []).map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <button
        type="submit"
        className="btn rounded-l-none border-l-0 px-2.5"
        aria-label={t("live.filter.add")}
        title={t("live.filter.add")}
      >
        <Icon name="plus" size={16} />
      </button>
    </form>
  );
}

interface ChipProps {
  readonly field: FilterField;
  readonly value: string;
  readonly filter: Filter;
  onChange(filter: Filter): void;
}

function Chip({ field, value, filter, onChange }: ChipProps) {
  const { t } = useLanguage();
  const [draft, setDraft] = useState<string>();
  const name = t(`live.field.${field}`);
  const names = { field: name, value };
  const keep = () => {
    if (draft !== undefined && draft !== value) {
      onChange(replaceValue(filter, field, { value, next: draft }));
    }
    setDraft(undefined);
  };
  return (
    <span className="inline-flex min-h-[2.134rem] max-w-full items-center rounded-full border border-accent bg-accent-soft pr-1 pl-3 text-[.867rem]">
      <span className="pr-1.5 text-muted">{name}</span>
      {draft === undefined ? (
        <button
          type="button"
          className="max-w-60 truncate font-medium hover:underline"
          aria-label={t("live.filter.edit", names)}
          onClick={() => setDraft(value)}
        >
          {value}
        </button>
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            keep();
          }}
        >
          <input
            // biome-ignore lint/a11y/noAutofocus: the user has just clicked this text to edit it
            autoFocus
            className="w-40 rounded border border-edge bg-surface px-1.5"
            aria-label={t("live.filter.edit", names)}
            value={draft}
            onChange={(event) => setDraft(event.target.value)}
            onBlur={keep}
            onKeyDown={(event) => {
              if (event.key === "Escape") setDraft(undefined);
            }}
          />
        </form>
      )}
      <button
        type="button"
        className="ml-1 rounded-full p-1.5 text-muted hover:text-ink"
        aria-label={t("live.filter.remove", names)}
        onClick={() => onChange(removeValue(filter, field, value))}
      >
        <Icon name="close" size={14} />
      </button>
    </span>
  );
}
