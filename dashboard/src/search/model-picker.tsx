"use client";
import type { Model } from "@weir/protocol";
import { useId } from "react";
import { useLanguage } from "../language/language-context.tsx";
import type { SearchState } from "./search-state.ts";

interface ModelPickerProps {
  readonly models: readonly Model[];
  readonly state: SearchState;
  change(next: Partial<SearchState>): void;
}

/** Selects the model that answers, and the one to compare with. */
export function ModelPicker({ models, state, change }: ModelPickerProps) {
  const { t } = useLanguage();
  const answering = models.filter(({ state }) => state === "live" || state === "ready");
  const building = models.filter(({ state }) => state === "building");
  const live = answering.find(({ state }) => state === "live");
  const shown = state.model ?? live?.id;
  const others = answering.filter(({ id }) => id !== shown);
  // An address may name a model that no longer exists. It stays in the list, so that it can be deselected.
  const gone = (id: string | null) =>
    id === null || answering.some((model) => model.id === id)
      ? []
      : [{ value: id, text: t("search.model.gone", { id }) }];
  const name = ({ id, state }: Model) => (state === "live" ? t("search.model.live", { id }) : id);
  return (
    <section
      aria-label={t("search.models")}
      className="flex flex-wrap items-end gap-x-4 gap-y-2 text-[.867rem]"
    >
      <Choice
        label={t("search.model")}
        value={state.model ?? ""}
        options={[
          {
            value: "",
            text: live === undefined ? t("search.model.none") : name(live),
          },
          ...answering
            .filter(({ state }) => state !== "live")
            .map((model) => ({ value: model.id, text: name(model) })),
          ...gone(state.model),
        ]}
        onChange={(id) => change({ model: id === "" ? null : id, beside: null })}
      />
      {others.length === 0 && state.beside === null ? (
        <p className="flex min-h-[2.134rem] items-center text-muted">
          <span>
            {t("search.models.one")} <code className="font-mono">weir models add</code>
          </span>
        </p>
      ) : (
        <Choice
          label={t("search.beside")}
          value={state.beside ?? ""}
          options={[
            { value: "", text: t("search.beside.none") },
            ...others.map((model) => ({ value: model.id, text: name(model) })),
            ...gone(state.beside),
          ]}
          onChange={(id) => change({ beside: id === "" ? null : id })}
        />
      )}
      {building.map(({ id, error }) => (
        <span key={id} className="flex min-h-[2.134rem] items-center">
          <span className={error === null ? "badge badge-busy" : "badge badge-bad"}>
            {error === null
              ? t("search.model.building", { id })
              : t("search.model.failing", { id, error })}
          </span>
        </span>
      ))}
    </section>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly { readonly value: string; readonly text: string }[];
  onChange(value: string): void;
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  const id = useId();
  return (
    <span className="flex max-w-full flex-col gap-0.5">
      <label htmlFor={id} className="field-label">
        {label}
      </label>
      <select
        id={id}
        className="field max-w-full"
        value={value}
        onChange={({ target }) => onChange(target.value)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.text}
          </option>
        ))}
      </select>
    </span>
  );
}
