import { type ErrorCode, errorTable } from "@weir/protocol";
import type { Failure } from "../data/request.ts";
import type { Language } from "../format/formats.ts";
import type { Translate } from "../language/language-context.tsx";
import { problemTitles } from "../language/tr/problem-titles.ts";

/** A failure's title in the reader's language. The detail comes from the server, in English. */
export function failureText(
  failure: Failure,
  language: Language,
  t: Translate,
): { title: string; text: string | undefined } {
  if (failure.code === "unreachable") {
    return { title: t("error.unreachable"), text: t("error.unreachable.text") };
  }
  if (failure.code === "unreadable") {
    return { title: t("error.unreadable"), text: t("error.unreadable.text") };
  }
  const translated = language === "tr" ? titleInTurkish(failure.code) : undefined;
  return { title: translated ?? failure.title, text: failure.detail };
}

function titleInTurkish(code: ErrorCode): string | undefined {
  return Object.hasOwn(errorTable, code) ? problemTitles[code] : undefined;
}
