/**
 * Sends the events of the page, and shows them in the drawer. The page works without it. Every event was given
 * its id by the server, so that one that is sent twice counts once.
 */
import { type Client, createClient } from "@weir/sdk";
import { createDrawer, type Drawer } from "./drawer.ts";
import { readPageData } from "./page-data.ts";
import { sessionStore } from "./session-store.ts";

const page = readPageData();
const drawer = createDrawer(page);
for (const event of page.events) drawer.show(event);
if (page.weir !== undefined) send(page.weir, drawer);

function send(weir: { readonly url: string; readonly key: string }, shown: Drawer): void {
  const client: Client = createClient({
    ...weir,
    // a page may be left at once
    batch: { delayMs: 20 },
    store: sessionStore(sessionStorage),
    onVerdict: ({ event_id, verdict, detail }) => {
      if (event_id !== null) shown.judge(event_id, verdict, detail);
    },
    onDrop: ({ event_id, detail }) => {
      if (event_id !== null) shown.judge(event_id, "dropped", detail);
    },
    onRefused: (error) => shown.refuse(error.message),
    onStoreError: () => undefined, // private windows may have no storage
  });
  for (const event of page.events) client.track(event);
}
