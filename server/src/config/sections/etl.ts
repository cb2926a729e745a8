import { schema as s } from "@weir/protocol";

const eventTypes = (description: string) =>
  s.array(s.string({ minLength: 1, maxLength: 128 }), { default: [], description });

export const etlSection = s.object({
  interval_ms: s.integer({
    default: 150,
    minimum: 10,
    maximum: 10_000,
    description: "Minimum time between two steps. Lower is fresher and uses more CPU.",
  }),
  step_events: s.integer({
    default: 10_000,
    minimum: 100,
    maximum: 100_000,
    description: "Maximum events that one step folds into windows.",
  }),
  event_types: s.object({
    view: eventTypes("Event types that count as a product view, in addition to the built-in ones."),
    cart: eventTypes("Event types that count as adding a product to the cart."),
    purchase: eventTypes("Event types that count as a purchase."),
    refund: eventTypes("Event types that count as a refund."),
    search: eventTypes("Event types that count as a search."),
  }),
});
