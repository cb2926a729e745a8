"use client";
import { Icon } from "../controls/icons.tsx";
import { useOutage } from "../data/data-context.tsx";
import { useLanguage } from "../language/language-context.tsx";

/** What is down, and since when. What the screen showed before stays below it. */
export function OutageBanner() {
  const { t, formats } = useLanguage();
  const outage = useOutage();
  return (
    <div role="status">
      {outage === undefined ? null : (
        <div className="mb-4 flex gap-3 rounded-lg border border-warn bg-warn-soft px-4 py-3 text-[.867rem]">
          <span className="pt-0.5 text-warn">
            <Icon name="rerun" size={16} />
          </span>
          <div>
            <p className="font-semibold">
              {t(`outage.${outage.kind}`, { time: formats.clockSeconds(outage.since) })}
            </p>
            <p className="mt-0.5">{t("outage.retrying")}</p>
            <p className="mt-0.5 text-muted">{t("outage.safe")}</p>
          </div>
        </div>
      )}
    </div>
  );
}
