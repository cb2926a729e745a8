import { app } from "./tr/app.ts";
import { error } from "./tr/error.ts";
import { frame } from "./tr/frame.ts";
import { live } from "./tr/live.ts";
import { metric } from "./tr/metric.ts";
import { outage } from "./tr/outage.ts";
import { overview } from "./tr/overview.ts";
import { range } from "./tr/range.ts";
import { search } from "./tr/search.ts";
import { shortcuts } from "./tr/shortcuts.ts";
import { signIn } from "./tr/sign-in.ts";
import { windows } from "./tr/windows.ts";

/** Every Turkish text: the keys and placeholders of `en.ts`. */
export const tr = {
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
