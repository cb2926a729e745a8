import { schema as s } from "@weir/protocol";
import { hot } from "../hot.ts";

export const limitsSection = s.object({
  driver: s.oneOf(["memory", "redis"], {
    default: "memory",
    description:
      "Where rate limits are counted: `memory`, in each process by itself, or `redis`, for all processes together.",
  }),
  share_without_redis: s.number({
    default: 1,
    minimum: 0.01,
    maximum: 1,
    description:
      "Share of each limit that a process applies by itself while Redis is down. With N processes, 1 allows up to N times the limit, and 1/N refuses senders whose requests all reach one process.",
    ...hot,
  }),
});
