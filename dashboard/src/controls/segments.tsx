"use client";

interface SegmentsProps<T extends string> {
  readonly label: string;
  readonly value: T | undefined;
  readonly options: readonly { readonly value: T; readonly text: string }[];
  /** Fills the available width, with options of the same width. */
  readonly wide?: boolean;
  onChange(value: T): void;
}

/** A few options side by side, one of which is selected. */
export function Segments<T extends string>(props: SegmentsProps<T>) {
  const { label, value, options, wide = false, onChange } = props;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would bring its own box and legend.
    <div className={`segments ${wide ? "segments-wide" : ""}`} role="group" aria-label={label}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
        >
          {option.text}
        </button>
      ))}
    </div>
  );
}
