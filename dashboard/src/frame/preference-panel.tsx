"use client";
import { useState, useSyncExternalStore } from "react";
import { Icon } from "../controls/icons.tsx";
import { Segments } from "../controls/segments.tsx";
import { FailureNote } from "../controls/states.tsx";
import { useQueries, useSession } from "../data/data-context.tsx";
import { asFailure, type Failure } from "../data/request.ts";
import { useLanguage } from "../language/language-context.tsx";
import { usePreferences } from "./preference-context.tsx";
import { themes } from "./preferences.ts";

/** Theme, language, help, the signed-in service, and signing out. */
export function PreferencePanel({ onHelp }: { onHelp: () => void }) {
  const { t } = useLanguage();
  const preferences = usePreferences();
  const { theme, language } = useSyncExternalStore(
    preferences.subscribe,
    preferences.read,
    preferences.read,
  );
  return (
    <div className="flex flex-col gap-3">
      <Segments
        wide
        label={t("frame.theme")}
        value={theme}
        options={themes.map((value) => ({ value, text: t(`frame.theme.${value}`) }))}
        onChange={(next) => preferences.change({ theme: next })}
      />
      <Segments
        wide
        label={t("frame.language")}
        value={language}
        options={[
          { value: "en", text: "English" },
          { value: "tr", text: "Türkçe" },
        ]}
        onChange={(next) => preferences.change({ language: next })}
      />
      <div className="flex flex-col items-start">
        <button type="button" className="btn btn-bare btn-small -ml-2" onClick={onHelp}>
          <Icon name="help" size={16} />
          {t("frame.shortcuts")}
        </button>
        <SignOut />
      </div>
    </div>
  );
}

function SignOut() {
  const { t } = useLanguage();
  const { state, store } = useSession();
  const queries = useQueries();
  const [failure, setFailure] = useState<Failure>();
  if (state.kind !== "signed-in") return null;
  const leave = async () => {
    try {
      await store.signOut();
      queries.clear();
    } catch (error) {
      setFailure(asFailure(error));
    }
  };
  return (
    <>
      <button type="button" className="btn btn-bare btn-small -ml-2" onClick={leave}>
        <Icon name="out" size={16} />
        {t("frame.sign-out")}
      </button>
      <p className="mt-2 text-[.8rem] text-muted">
        <span className="block break-words">
          {t("frame.signed-in", { service: state.session.service })}
        </span>
        {t("frame.role", { role: state.session.role })}
      </p>
      {failure === undefined ? null : <FailureNote failure={failure} onRetry={leave} />}
    </>
  );
}
