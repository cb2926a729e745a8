import { utf8Length } from "./encode-event.ts";
import type { Entry } from "./queue.ts";
import type { EventStore } from "./types.ts";

/** The optional store; its errors are reported and do not stop the client. */
export class Journal {
  readonly #store: EventStore | undefined;
  readonly #failed: (error: unknown) => void;

  constructor(store: EventStore | undefined, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  /** Whether unsent events will be sent by a later run. */
  get keeps(): boolean {
    return this.#store !== undefined;
  }

  async load(): Promise<Entry[]> {
    try {
      const stored = (await this.#store?.load()) ?? [];
      return stored.map(({ event_id, json }) => {
        const { event_type } = JSON.parse(json) as { event_type?: unknown };
        const bytes = utf8Length(json);
        return { event_id, event_type: String(event_type), json, bytes, order: 0, attempts: 0 };
      });
    } catch (error) {
      this.#failed(error);
      return [];
    }
  }

  put({ event_id, json }: Entry): void {
    this.#tell((store) => store.put({ event_id, json }));
  }

  remove(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    this.#tell((store) => store.remove(entries.map((entry) => entry.event_id)));
  }

  #tell(work: (store: EventStore) => void | Promise<void>): void {
    if (this.#store === undefined) return;
    try {
      Promise.resolve(work(this.#store)).catch(this.#failed);
    } catch (error) {
      this.#failed(error);
    }
  }
}
