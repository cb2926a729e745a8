"use client";
import { useEffect, useState } from "react";
import { useLanguage } from "../language/language-context.tsx";
import { Icon } from "./icons.tsx";
import { ScrollRegion } from "./scroll-region.tsx";

/** A button that copies a text to the clipboard. */
export function CopyButton({ text }: { text: string }) {
  const { t } = useLanguage();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1_800);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button
      type="button"
      className="btn btn-small"
      onClick={() => {
        navigator.clipboard?.writeText(text).then(
          () => setCopied(true),
          () => setCopied(false),
        );
      }}
    >
      <Icon name="copy" size={15} />
      <span aria-live="polite">{copied ? t("app.copied") : t("app.copy")}</span>
    </button>
  );
}

/** A command to copy. */
export function CopyCode({ text, label }: { text: string; label: string }) {
  return (
    <div className="flex flex-col items-end gap-2">
      <ScrollRegion label={label} className="code w-full">
        <code>{text}</code>
      </ScrollRegion>
      <CopyButton text={text} />
    </div>
  );
}

/** The command that sends one event to this installation. */
export function sampleCommand(origin: string): string {
  return [
    `curl -X POST ${origin}/api/events/ \\`,
    `  -H 'X-API-Key: weir_...' \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '{ "event_type": "purchase", "user_id": "u1",`,
    `        "product": { "id": "p1", "price": 19.90,`,
    `                     "currency": "TRY" } }'`,
  ].join("\n");
}
