"use client";
import { Fragment, useSyncExternalStore } from "react";
import { Dialog } from "../controls/dialog.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { usePreferences } from "./preference-context.tsx";
import { type ShortcutAction, shortcutKeys } from "./shortcuts.ts";

export function ShortcutHelp({ onClose }: { onClose: () => void }) {
  const { t } = useLanguage();
  const preferences = usePreferences();
  const { shortcuts } = useSyncExternalStore(
    preferences.subscribe,
    preferences.read,
    preferences.read,
  );
  const actions = Object.entries(shortcutKeys) as [ShortcutAction, readonly string[]][];
  return (
    <Dialog title={t("shortcuts.title")} onClose={onClose}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-5 gap-y-2 text-[.867rem]">
        {actions.map(([action, keys]) => (
          <Fragment key={action}>
            <dt className="whitespace-nowrap">
              {keys.map((key, index) => (
                <Fragment key={key}>
                  {index > 0 ? (
                    <span className="px-1.5 text-[.8rem] text-muted">{t("shortcuts.then")}</span>
                  ) : null}
                  <kbd>{key}</kbd>
                </Fragment>
              ))}
            </dt>
            <dd>{t(`shortcuts.${action}`)}</dd>
          </Fragment>
        ))}
      </dl>
      <p className="mt-4 border-t border-line pt-3 text-[.867rem] text-muted">
        {t("shortcuts.chart")}
      </p>
      <label className="mt-3 flex items-center gap-2 text-[.867rem]">
        <input
          type="checkbox"
          checked={shortcuts}
          onChange={(event) => preferences.change({ shortcuts: event.target.checked })}
        />
        {t("shortcuts.on")}
      </label>
    </Dialog>
  );
}
