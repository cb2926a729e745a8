"use client";
import { useEffect, useState } from "react";
import { useKnownFreshness } from "../data/data-context.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { ageLevel, ageMs } from "./age.ts";

const colours = { fresh: "text-up", late: "text-warn", stale: "text-down" } as const;

/** The age of the numbers on the page, which grows between answers. */
export function FreshnessNote() {
  const { t, formats } = useLanguage();
  const known = useKnownFreshness();
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 500);
    return () => clearInterval(timer);
  }, []);
  if (known === undefined) return null;
  // An answer that came after the last tick would otherwise have a negative age.
  const age = ageMs(known, Math.max(now, known.answeredAt));
  const behind = known.freshness.behind_events;
  return (
    <p
      className="flex items-center gap-2 text-[.8rem] whitespace-nowrap text-muted"
      title={t("frame.fresh.why")}
    >
      <span className={`dot ${colours[ageLevel(age)]}`} />
      <span className="max-[26rem]:hidden">{t("frame.fresh", { age: formats.duration(age) })}</span>
      <span className="min-[26rem]:hidden">{formats.duration(age)}</span>
      {behind > 0 ? (
        <span className="hidden sm:inline">· {t("frame.fresh.behind", { count: behind })}</span>
      ) : null}
    </p>
  );
}
