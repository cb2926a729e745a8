"use client";
import { type ReactNode, useEffect, useId, useRef } from "react";
import { useLanguage } from "../language/language-context.tsx";
import { Icon } from "./icons.tsx";

interface DialogProps {
  readonly title: ReactNode;
  readonly kind?: "sheet" | "drawer";
  readonly children: ReactNode;
  onClose(): void;
}

/**
 * A modal dialog of the browser: it keeps the focus inside, restores it, and closes with
 * Escape. Shown as long as it is mounted.
 */
export function Dialog({ title, kind = "sheet", children, onClose }: DialogProps) {
  const { t } = useLanguage();
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (dialog !== null && !dialog.open) dialog.showModal();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click on the veil is an extra; Escape closes too.
    <dialog
      ref={ref}
      className={kind}
      aria-labelledby={titleId}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === ref.current && !isInside(event, ref.current)) ref.current.close();
      }}
    >
      <div className={kind === "drawer" ? "flex h-full flex-col" : ""}>
        <div
          className={`flex items-start justify-between gap-4 ${kind === "drawer" ? "border-b border-line px-5 py-3.5" : "mb-3"}`}
        >
          <h2 id={titleId} className="min-w-0 text-[1.067rem] leading-7 font-semibold break-words">
            {title}
          </h2>
          <button
            type="button"
            className="btn btn-bare btn-small -mr-1"
            onClick={() => ref.current?.close()}
            aria-label={t("app.close")}
          >
            <Icon name="close" />
          </button>
        </div>
        {kind === "drawer" ? (
          <div className="min-h-0 flex-1 overflow-y-auto px-5 py-4">{children}</div>
        ) : (
          children
        )}
      </div>
    </dialog>
  );
}

/** The backdrop and the dialog are one element for events: only the position tells them apart. */
function isInside(event: { clientX: number; clientY: number }, dialog: HTMLDialogElement): boolean {
  const box = dialog.getBoundingClientRect();
  return (
    event.clientX >= box.left &&
    event.clientX <= box.right &&
    event.clientY >= box.top &&
    event.clientY <= box.bottom
  );
}
