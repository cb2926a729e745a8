"use client";
import { type FormEvent, useState } from "react";
import { FailureNote } from "../controls/states.tsx";
import { useSession } from "../data/data-context.tsx";
import { asFailure, type Failure } from "../data/request.ts";
import { useLanguage } from "../language/language-context.tsx";

/** Signs in with an API key. */
export function KeyForm() {
  const { t } = useLanguage();
  const { store } = useSession();
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const [mistake, setMistake] = useState<"sign-in.key.empty" | "sign-in.key.form">();
  const [failure, setFailure] = useState<Failure>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const text = key.trim();
    setFailure(undefined);
    const wrong =
      text === "" ? "sign-in.key.empty" : text.startsWith("weir_") ? undefined : "sign-in.key.form";
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
        {t("sign-in.key")}
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
        {t(mistake ?? "sign-in.key.hint")}
      </p>
      {failure === undefined ? null : <FailureNote failure={failure} />}
      <button type="submit" className="btn btn-primary h-11" disabled={busy}>
        {busy ? t("sign-in.busy") : t("sign-in.submit")}
      </button>
      <p className="text-[.8rem] text-faint">{t("sign-in.private")}</p>
    </form>
  );
}
