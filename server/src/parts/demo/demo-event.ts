import type { WeirEvent } from "@weir/protocol";

/** The services of the demo shop; each has its own key. */
export const demoSources = ["shop-web", "shop-ios", "shop-pos"] as const;
export type DemoSource = (typeof demoSources)[number];

/** An event and the service that sends it. `at` is its timestamp in milliseconds. */
export interface DemoEvent {
  readonly at: number;
  readonly source: DemoSource;
  readonly event: WeirEvent;
}

export const dayMs = 24 * 60 * 60 * 1000;
