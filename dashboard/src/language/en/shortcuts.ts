import type { Texts } from "../message.ts";

/** The list of keyboard shortcuts. */
export const shortcuts = {
  "shortcuts.title": "Keyboard shortcuts",
  "shortcuts.on": "Enable single-key shortcuts",
  "shortcuts.then": "then",
  "shortcuts.go-overview": "Go to Overview",
  "shortcuts.go-live": "Go to Live",
  "shortcuts.go-search": "Go to Search",
  "shortcuts.go-windows": "Go to Windows",
  "shortcuts.refresh": "Refresh the data",
  "shortcuts.theme": "Switch to the next theme",
  "shortcuts.compare": "Show or hide the previous period (Overview)",
  "shortcuts.table": "Switch between chart and table (Overview)",
  "shortcuts.pause": "Pause or resume (Live)",
  "shortcuts.filter": "Go to the filter (Live) or the search field (Search)",
  "shortcuts.help": "Show this list",
  "shortcuts.chart":
    "In a chart, the arrow keys move the cursor, Home and End go to the first and last point, and Escape hides the cursor.",
} as const satisfies Texts;
