import type { IconName } from "../controls/icons.tsx";
import type { MessageKey } from "../language/language-context.tsx";

/** A room of the dashboard. A new room is one more line here, and its folder under `app/`. */
export interface Place {
  readonly href: string;
  readonly icon: IconName;
  readonly name: Extract<MessageKey, "nav.overview" | "nav.live" | "nav.search" | "nav.windows">;
  readonly group: "see" | "run";
}

export const places: readonly Place[] = [
  { href: "/", icon: "overview", name: "nav.overview", group: "see" },
  { href: "/live/", icon: "live", name: "nav.live", group: "see" },
  { href: "/search/", icon: "search", name: "nav.search", group: "see" },
  { href: "/windows/", icon: "windows", name: "nav.windows", group: "run" },
];

/** What is like a product, on the Search page. */
export function similarPath(productId: string): string {
  return `/search/?${new URLSearchParams({ product: productId })}`;
}
