import type { Handler } from "../answer.ts";
import { isLanguage } from "../language/language.ts";
import { safePath } from "../security/safe-path.ts";

export const changeLanguage: Handler = async (_shop, { form }) => {
  const language = form.get("language");
  const to = safePath(form.get("return_to"));
  return isLanguage(language) ? { to, remember: { language } } : { to };
};
