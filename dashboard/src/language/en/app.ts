import type { Texts } from "../message.ts";

/** Buttons and pages that belong to no screen. */
export const app = {
  "app.name": "Weir",
  "app.skip": "Skip to content",
  "app.loading": "Loading…",
  "app.copy": "Copy",
  "app.copied": "Copied",
  "app.close": "Close",
  "app.cancel": "Cancel",
  "app.apply": "Apply",
  "app.retry": "Try again",
  "app.more": "Show more",
  "app.csv": "CSV",
  "app.csv.of": "Download {what} as CSV",
  "app.none": "none",
  "app.not-found.title": "Page not found",
  "app.not-found.text": "Check the address. The page may have been moved.",
  "app.to-overview": "Go to Overview",
  "app.crashed.title": "Something went wrong",
  "app.crashed.text":
    "No data was lost: the dashboard only displays data. Try again. If the problem persists, contact your administrator.",
} as const satisfies Texts;
