import type { IconName } from "../controls/icons.tsx";
import type { MessageKey } from "../language/language-context.tsx";

/** A screen in the navigation. A new screen is one more entry, and a folder under `app/(screens)`. */
export interface Screen {
  readonly href: string;
  readonly icon: IconName;
  readonly name: Extract<MessageKey, `frame.screen.${string}`>;
  readonly group: ScreenGroup;
}

export const screenGroups = ["explore", "operate"] as const;
export type ScreenGroup = (typeof screenGroups)[number];

export const screens: readonly Screen[] = [
  { href: "/", icon: "overview", name: "frame.screen.overview", group: "explore" },
  { href: "/live/", icon: "live", name: "frame.screen.live", group: "explore" },
  { href: "/search/", icon: "search", name: "frame.screen.search", group: "explore" },
  { href: "/windows/", icon: "windows", name: "frame.screen.windows", group: "operate" },
];

/** The Search screen with the products similar to one product. */
export function similarPath(productId: string): string {
  return `/search/?${new URLSearchParams({ product: productId })}`;
}
