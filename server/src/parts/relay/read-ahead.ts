/** What was read and is not acknowledged yet: requests in the order of the log, bounded by their bytes. */
import type { NextRange } from "../../core/ports/log.ts";
import type { Request } from "./messages.ts";

/** A page is its requests and then its end. */
export type Item =
  | { readonly kind: "request"; readonly request: Request }
  | { readonly kind: "end"; readonly range: NextRange; readonly events: number };

export class ReadAhead {
  readonly #limitBytes: number;
  readonly #items: Item[] = [];
  #bytes = 0;
  #isClosed = false;
  #wakeReader: (() => void) | undefined;
  #wakeSender: (() => void) | undefined;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Of everything that was put in and not taken out. */
  get bytes(): number {
    return this.#bytes;
  }

  get pages(): number {
    return this.#items.filter(({ kind }) => kind === "end").length;
  }

  /** Waits for room; one request is always allowed. Returns at once when closed. */
  async put(item: Item): Promise<void> {
    while (!this.#isClosed && this.#bytes > this.#limitBytes) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
    if (this.#isClosed) return;
    this.#items.push(item);
    if (item.kind === "request") this.#bytes += item.request.bytes;
    this.#wakeSender?.();
  }

  /** The next item, which stays until `done`; undefined when closed and empty. */
  async next(): Promise<Item | undefined> {
    while (this.#items.length === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wakeSender = resolve;
      });
    }
    return this.#items[0];
  }

  done(): void {
    const item = this.#items.shift();
    if (item?.kind === "request") this.#bytes -= item.request.bytes;
    this.#wakeReader?.();
  }

  /** Nothing more is put in. The requests of a page without its end are dropped: it is read again later. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const lastEnd = this.#items.findLastIndex(({ kind }) => kind === "end");
    for (const item of this.#items.splice(lastEnd + 1)) {
      if (item.kind === "request") this.#bytes -= item.request.bytes;
    }
    this.#wakeReader?.();
    this.#wakeSender?.();
  }
}
