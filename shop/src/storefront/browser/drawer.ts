import type { PageData } from "./page-data.ts";

type ShownEvent = PageData["events"][number];

export interface Drawer {
  show(event: ShownEvent): void;
  /** The answer to an event, also of a previous page. */
  judge(eventId: string, verdict: string, detail?: string): void;
  /** Weir accepts nothing from this page. */
  refuse(reason: string): void;
}

/** Opens and closes with the keyboard too: a modal dialog keeps the focus inside, and Escape closes it. */
export function createDrawer({ verdicts, weir }: PageData): Drawer {
  const dialog = find("drawer", HTMLDialogElement);
  const button = find("drawer-open", HTMLButtonElement);
  const list = find("drawer-list", HTMLOListElement);
  const entries = new Map<string, HTMLElement>();
  button.hidden = false;
  button.addEventListener("click", () => dialog.showModal());
  find("drawer-close", HTMLButtonElement).addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (click) => {
    if (click.target === dialog) dialog.close();
  });
  const say = (entry: HTMLElement, verdict: string, detail?: string) => {
    entry.className = `verdict ${verdict}`;
    entry.textContent = verdicts[verdict] ?? verdict;
    if (detail !== undefined) entry.title = detail;
  };
  return {
    show(event) {
      const item = document.createElement("li");
      const title = document.createElement("p");
      const type = document.createElement("strong");
      type.textContent = event.event_type;
      const verdict = document.createElement("span");
      title.append(type, " ", verdict);
      const json = document.createElement("pre");
      json.tabIndex = 0; // long lines scroll with the keyboard
      json.textContent = JSON.stringify(event, null, 2);
      item.append(title, json);
      list.append(item);
      entries.set(event.event_id, verdict);
      say(verdict, weir === undefined ? "unsent" : "waiting");
      find("drawer-none", HTMLElement).hidden = true;
      find("drawer-count", HTMLElement).textContent = String(entries.size);
    },
    judge(eventId, verdict, detail) {
      const entry = entries.get(eventId);
      if (entry !== undefined) say(entry, verdict, detail);
    },
    refuse(reason) {
      for (const entry of entries.values()) say(entry, "refused", reason);
    },
  };
}

function find<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${id}`);
  return element;
}
