import type { Texts } from "../message.ts";

/** What the whole page says while Weir or its database is down. */
export const outage = {
  "outage.database": "Weir cannot reach its database since {time}",
  "outage.server": "Weir has not responded since {time}",
  "outage.retrying": "Retrying; the page fills again by itself.",
  "outage.safe":
    "No accepted event is lost. New events are refused for now, and senders send them again.",
  "outage.waiting": "Waiting for Weir to answer again.",
} as const satisfies Texts;
