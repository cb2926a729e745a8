"use client";
import { useLanguage } from "../language/language-context.tsx";
import { useNavigation } from "./navigation.tsx";

export function MissingScreen() {
  const { t } = useLanguage();
  const { Link } = useNavigation();
  return (
    <main className="mx-auto flex max-w-lg flex-col items-start gap-3 px-4 pt-[22vh]">
      <h1 className="text-xl font-semibold">{t("app.not-found.title")}</h1>
      <p className="text-muted">{t("app.not-found.text")}</p>
      <Link href="/" className="btn btn-primary mt-2">
        {t("app.to-overview")}
      </Link>
    </main>
  );
}

export function CrashedScreen({ onRetry }: { onRetry: () => void }) {
  const { t } = useLanguage();
  return (
    <main className="mx-auto flex max-w-lg flex-col items-start gap-3 px-4 pt-[22vh]">
      <h1 className="text-xl font-semibold">{t("app.crashed.title")}</h1>
      <p className="text-muted">{t("app.crashed.text")}</p>
      <button type="button" className="btn btn-primary mt-2" onClick={onRetry}>
        {t("app.retry")}
      </button>
    </main>
  );
}
