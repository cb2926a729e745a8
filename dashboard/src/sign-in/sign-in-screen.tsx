"use client";
import { useEffect, useState } from "react";
import { Mark } from "../controls/icons.tsx";
import { FailureNote } from "../controls/states.tsx";
import { useSession } from "../data/data-context.tsx";
import type { Failure } from "../data/request.ts";
import { useNavigation } from "../frame/navigation.tsx";
import { usePreferences } from "../frame/preference-context.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { KeyForm } from "./key-form.tsx";
import { returnPath } from "./return-path.ts";
import { useLinkSignIn } from "./use-link-sign-in.ts";

export function SignInScreen() {
  const { t } = useLanguage();
  const { state, store } = useSession();
  const navigation = useNavigation();
  const [goal] = useState(() => returnPath(navigation.query.get("next"), window.location.origin));
  const link = useLinkSignIn(store);
  useEffect(() => {
    document.title = `${t("sign-in.title")} · Weir`;
  }, [t]);
  useEffect(() => {
    if (state.kind === "signed-in") navigation.go(goal, "replace");
    else if (state.kind === "unknown" && link.state === "none") void store.check();
  }, [state.kind, goal, navigation, store, link.state]);
  const opening = link.state === "busy" || state.kind === "signed-in";
  return (
    <main className="relative grid min-h-dvh grid-rows-[1fr_auto] overflow-hidden">
      <Water />
      <div className="relative mx-auto flex w-full max-w-[25rem] flex-col justify-center gap-6 px-5 py-10">
        <div>
          <p className="flex items-center gap-2.5 text-2xl font-semibold tracking-tight">
            <Mark size={34} />
            Weir
          </p>
          <p className="mt-1 text-muted">{t("sign-in.lead")}</p>
          <div className="staff mt-4" />
        </div>
        {opening ? (
          <p role="status" className="text-muted">
            {t("sign-in.opening")}
          </p>
        ) : (
          <>
            <h1 className="sr-only">{t("sign-in.title")}</h1>
            {link.state === "failed" ? (
              <LinkFailure failure={link.failure} />
            ) : goal === "/" ? null : (
              <p className="text-[.867rem] text-muted">{t("sign-in.over")}</p>
            )}
            <KeyForm />
            <section className="border-t border-line pt-4 text-[.867rem] text-muted">
              <h2 className="font-semibold text-ink">{t("sign-in.link.title")}</h2>
              <p className="mt-1">{t("sign-in.link.text")}</p>
            </section>
          </>
        )}
      </div>
      <LanguageLinks />
    </main>
  );
}

function LinkFailure({ failure }: { failure: Failure }) {
  const { t } = useLanguage();
  // A refused token is used up or expired. Any other failure says nothing about the link.
  if (failure.status !== 401) return <FailureNote failure={failure} />;
  return (
    <p role="alert" className="rounded-lg border border-warn bg-warn-soft px-4 py-3 text-[.867rem]">
      {t("sign-in.link.used")}
    </p>
  );
}

/** The mark, drawn across the page: water that comes in high and leaves in order. */
function Water() {
  const threads = Array.from({ length: 11 }, (_, index) => index);
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 1440 900"
      preserveAspectRatio="xMidYMid slice"
      className="absolute inset-0 size-full text-accent"
      fill="none"
      stroke="currentColor"
    >
      {threads.map((index) => (
        <path
          key={index}
          opacity={0.34 - index * 0.028}
          strokeWidth="1.5"
          d={`M0 ${46 + index * 12}H${1150 - index * 24}c90 0 70 560 170 560H1440`}
        />
      ))}
    </svg>
  );
}

function LanguageLinks() {
  const preferences = usePreferences();
  const { language } = useLanguage();
  const other = language === "en" ? ("tr" as const) : ("en" as const);
  return (
    <div className="relative flex justify-center pb-6">
      <button
        type="button"
        lang={other}
        className="btn btn-bare"
        onClick={() => preferences.change({ language: other })}
      >
        {other === "tr" ? "Türkçe" : "English"}
      </button>
    </div>
  );
}
