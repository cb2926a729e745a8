import type { ClientEvent } from "@weir/sdk";

export interface PageData {
  readonly weir?: { readonly url: string; readonly key: string };
  readonly events: readonly (ClientEvent & { readonly event_id: string })[];
  /** Words for verdicts. */
  readonly verdicts: Readonly<Record<string, string>>;
}

export function readPageData(): PageData {
  return JSON.parse(document.getElementById("page-data")?.textContent ?? "") as PageData;
}
