import { schema as s } from "@weir/protocol";
import { hot } from "../hot.ts";

export const ingestSection = s.object({
  groups_in_flight: s.integer({
    default: 4,
    minimum: 1,
    maximum: 16,
    description: "Group commits that run concurrently.",
  }),
  group_events: s.integer({
    default: 2_000,
    minimum: 1,
    maximum: 10_000,
    description: "Maximum events in one group commit.",
  }),
  queue_events: s.integer({
    default: 50_000,
    minimum: 100,
    maximum: 1_000_000,
    description: "Maximum events that wait for a commit; above it requests get 503.",
  }),
  queue_mib: s.integer({
    default: 64,
    minimum: 1,
    maximum: 4_096,
    description: "Maximum size of the events that wait for a commit; above it requests get 503.",
  }),
  commit_timeout_ms: s.integer({
    default: 1_500,
    minimum: 100,
    maximum: 1_900,
    description: "Time limit of a commit; when it expires the request gets 503 and can be retried.",
  }),
  rate_limit: s.object({
    events_per_second: s.integer({
      default: 50_000,
      minimum: 1,
      description: "Sustained rate of one API key, in events per second.",
      ...hot,
    }),
    burst_events: s.integer({
      default: 100_000,
      minimum: 1,
      description: "Burst size of one API key, in events.",
      ...hot,
    }),
  }),
});
