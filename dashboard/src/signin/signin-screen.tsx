"use client";
import { type FormEvent, useEffect, useState } from "react";
import { Mark } from "../controls/icons.tsx";
import { FailureNote } from "../controls/states.tsx";
import { useSession } from "../data/data-context.tsx";
import { asFailure, type Failure } from "../data/request.ts";
import type { SessionStore } from "../data/session-store.ts";
import { useNavigation } from "../frame/navigation.tsx";
import { usePreferences } from "../frame/preference-context.tsx";
import { useLanguage } from "../language/language-context.tsx";
import { linkToken, returnPath } from "./return-path.ts";

/** A token works once, and React may run effects twice: the page spends each token once. */
const spent = new Map<string, Promise<void>>();

function spend(token: string, store: SessionStore): Promise<void> {
  let attempt = spent.get(token);
  if (attempt === undefined) {
    attempt = store.signIn({ token });
    spent.set(token, attempt);
  }
  return attempt;
}

export function SignInScreen() {
  const { t } = useLanguage();
  const { state, store } = useSession();
  const navigation = useNavigation();
  const [token] = useState(() => linkToken(window.location));
  const [goal] = useState(() => returnPath(navigation.query.get("next"), window.location.origin));
  const [linkFailed, setLinkFailed] = useState(false);
  useEffect(() => {
    document.title = `${t("signin.title")} · Weir`;
  }, [t]);
  useEffect(() => {
    if (state.kind === "signed-in") navigation.go(goal, "replace");
    else if (state.kind === "unknown" && token === null) void store.check();
  }, [state.kind, goal, navigation, store, token]);
  useEffect(() => {
    if (token === null) return;
    let gone = false;
    // Out of the address at once: it must not stay in the history.
    window.history.replaceState(null, "", "/signin/");
    spend(token, store).catch(() => {
      if (!gone) setLinkFailed(true);
    });
    return () => {
      gone = true;
    };
  }, [token, store]);
  const opening = (token !== null && !linkFailed) || state.kind === "signed-in";
  return (
    <main className="relative grid min-h-dvh grid-rows-[1fr_auto] overflow-hidden">
      <Water />
      <div className="relative mx-auto flex w-full max-w-[25rem] flex-col justify-center gap-6 px-5 py-10">
        <div>
          <p className="flex items-center gap-2.5 text-2xl font-semibold tracking-tight">
            <Mark size={34} />
            Weir
          </p>
          <p className="mt-1 text-muted">{t("signin.lead")}</p>
          <div className="staff mt-4" />
        </div>
        {opening ? (
          <p role="status" className="text-muted">
            {t("signin.opening")}
          </p>
        ) : (
          <>
            <h1 className="sr-only">{t("signin.title")}</h1>
            {linkFailed ? (
              <p
                role="alert"
                className="rounded-lg border border-warn bg-warn-soft px-4 py-3 text-[.867rem]"
              >
                {t("signin.link.used")}
              </p>
            ) : goal === "/" ? null : (
              <p className="text-[.867rem] text-muted">{t("signin.over")}</p>
            )}
            <KeyForm />
            <section className="border-t border-line pt-4 text-[.867rem] text-muted">
              <h2 className="font-semibold text-ink">{t("signin.link.title")}</h2>
              <p className="mt-1">{t("signin.link.text")}</p>
            </section>
          </>
        )}
      </div>
      <LanguageLinks />
    </main>
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

function KeyForm() {
  const { t } = useLanguage();
  const { store } = useSession();
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [mistake, setMistake] = useState<"signin.key.empty" | "signin.key.form">();
  const [failure, setFailure] = useState<Failure>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const text = key.trim();
    setFailure(undefined);
    const wrong =
      text === "" ? "signin.key.empty" : text.startsWith("weir_") ? undefined : "signin.key.form";
    setMistake(wrong);
    if (wrong !== undefined) return;
    setBusy(true);
    try {
      await store.signIn({ key: text });
    } catch (error) {
      setFailure(asFailure(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-3">
      <label htmlFor="key" className="font-medium">
        {t("signin.key")}
      </label>
      <input
        id="key"
        name="key"
        type="password"
        autoComplete="off"
        spellCheck={false}
        value={key}
        onChange={(event) => setKey(event.target.value)}
        aria-describedby="key-hint"
        aria-invalid={mistake !== undefined}
        className="field h-11 w-full font-mono"
      />
      <p
        id="key-hint"
        className={`text-[.867rem] ${mistake === undefined ? "text-muted" : "text-down"}`}
      >
        {t(mistake ?? "signin.key.hint")}
      </p>
      {failure === undefined ? null : <FailureNote failure={failure} />}
      <button type="submit" className="btn btn-primary h-11" disabled={busy}>
        {busy ? t("signin.busy") : t("signin.submit")}
      </button>
      <p className="text-[.8rem] text-faint">{t("signin.private")}</p>
    </form>
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
