import type { EventStore, StoredEvent } from "@weir/sdk";

const prefix = "weir:";

/** Keeps unsent events of this tab, so that the next page sends what this one could not. */
export function sessionStore(storage: Storage): EventStore {
  return {
    async load() {
      return Object.keys(storage)
        .filter((key) => key.startsWith(prefix))
        .map((key) => JSON.parse(storage.getItem(key) ?? "") as StoredEvent);
    },
    put(event) {
      storage.setItem(prefix + event.event_id, JSON.stringify(event));
    },
    remove(eventIds) {
      for (const id of eventIds) storage.removeItem(prefix + id);
    },
  };
}
