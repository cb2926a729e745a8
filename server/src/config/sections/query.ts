import { schema as s } from "@weir/protocol";

export const querySection = s.object({
  timeout_ms: s.integer({
    default: 5_000,
    minimum: 100,
    maximum: 60_000,
    description: "Time limit of an analytics query.",
  }),
  free_form_timeout_ms: s.integer({
    default: 30_000,
    minimum: 100,
    maximum: 300_000,
    description: "Time limit of free-form funnels and breakdowns.",
  }),
  concurrency: s.integer({
    default: 4,
    minimum: 1,
    maximum: 64,
    description: "Analytics queries that run concurrently.",
  }),
});
