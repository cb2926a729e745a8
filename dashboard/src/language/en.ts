import { app } from "./en/app.ts";
import { error } from "./en/error.ts";
import { frame } from "./en/frame.ts";
import { live } from "./en/live.ts";
import { metric } from "./en/metric.ts";
import { outage } from "./en/outage.ts";
import { overview } from "./en/overview.ts";
import { range } from "./en/range.ts";
import { search } from "./en/search.ts";
import { shortcuts } from "./en/shortcuts.ts";
import { signIn } from "./en/sign-in.ts";
import { windows } from "./en/windows.ts";

/** Every English text. The keys of `en/<file>.ts` start with the name of the file. */
export const en = {
  ...app,
  ...error,
  ...frame,
  ...live,
  ...metric,
  ...outage,
  ...overview,
  ...range,
  ...search,
  ...shortcuts,
  ...signIn,
  ...windows,
} as const;
