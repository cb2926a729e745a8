/** The HTTP requests of the live screen. */
import type { EventPage, RawEvent } from "@weir/protocol";
import { addressOf, requestJson } from "../data/request.ts";
import type { SessionStore } from "../data/session-store.ts";
import type { StopReason } from "./connection-state.ts";
import type { Filter } from "./filter.ts";

export const feedPermission = "live.get.event_feed";
const earlierEvents = 50;

/** The newest stored events that match, newest first; none when they cannot be read. */
export async function fetchEarlier(filter: Filter, signal: AbortSignal): Promise<RawEvent[]> {
  // The endpoint accepts one value per field. With several, the list fills from the feed alone.
  if (filter.event_type.length > 1 || filter.source.length > 1) return [];
  const address = addressOf("/api/events", {
    event_type: filter.event_type[0],
    source: filter.source[0],
    user_id: filter.user_id[0],
    product_id: filter.product_id[0],
    limit: earlierEvents,
  });
  try {
    return ((await requestJson(address, { signal })) as EventPage).events;
  } catch {
    // The permission to watch the feed does not include the permission to search events.
    return [];
  }
}

/** Why the server refused the socket; undefined when another attempt may succeed. */
export async function refusalReason(store: SessionStore): Promise<StopReason | undefined> {
  await store.check();
  const state = store.read();
  if (state.kind === "signed-out") return "unauthenticated";
  if (state.kind !== "signed-in") return undefined;
  return state.session.permissions.includes(feedPermission) ? undefined : "forbidden";
}
