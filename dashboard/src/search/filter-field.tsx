"use client";
import { type KeyboardEvent, useId, useState } from "react";

interface FilterFieldProps {
  readonly label: string;
  readonly value: string;
  readonly suggestions?: readonly string[];
  readonly isNumber?: boolean;
  readonly className: string;
  onKeep(text: string): void;
}

/** A field whose text is applied on Enter or when it loses the focus. */
export function FilterField(props: FilterFieldProps) {
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
          // A selected suggestion and an emptied field are applied at once.
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
