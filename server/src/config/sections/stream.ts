import { schema as s } from "@weir/protocol";

export const streamSection = s.object({
  workers: s.integer({
    default: 1,
    minimum: 1,
    maximum: 16,
    description: "Pages of the raw log that one process works on concurrently.",
  }),
  page_events: s.integer({
    default: 5_000,
    minimum: 10,
    maximum: 50_000,
    description: "Maximum events in a page.",
  }),
  interval_ms: s.integer({
    default: 25,
    minimum: 1,
    maximum: 10_000,
    description:
      "Minimum time between two pages while few events arrive. Lower is fresher and uses more CPU.",
  }),
  refresh_ms: s.integer({
    default: 1_000,
    minimum: 50,
    maximum: 600_000,
    description:
      "Interval at which counts in point payloads and the interests of users are updated; longer under load. New texts are searchable immediately.",
  }),
  events_collection: s.boolean({
    default: false,
    description:
      "Keeps one point per event for `POST /api/events/search`. Disabling it removes those points.",
  }),
  events_days: s.integer({
    default: 30,
    minimum: 1,
    maximum: 3_650,
    description:
      "Days since receipt for which the points of events are kept, at most as long as the raw events.",
  }),
  interest: s.object({
    view: s.number({
      default: 1,
      minimum: 0,
      description: "Weight of a product view in a user's interests.",
    }),
    cart: s.number({
      default: 3,
      minimum: 0,
      description: "Weight of adding a product to the cart.",
    }),
    purchase: s.number({ default: 5, minimum: 0, description: "Weight of a purchase." }),
    half_life_days: s.number({
      default: 14,
      minimum: 0.01,
      description: "Half-life of an interest, in days. A change applies to new events.",
    }),
  }),
});
