import { schema as s } from "@weir/protocol";
import { hot } from "../hot.ts";

export const dlqSection = s.object({
  retention_days: s.integer({
    default: 90,
    minimum: 1,
    maximum: 3_650,
    description: "Days for which resolved and discarded dead letters are kept.",
    ...hot,
  }),
  max_mib: s.integer({
    default: 1_024,
    minimum: 1,
    maximum: 1_048_576,
    description:
      "Maximum size of all dead letters. Above it resolved and discarded ones are deleted first, then the oldest open ones; health warns at 80 %.",
    ...hot,
  }),
  workers: s.integer({
    default: 1,
    minimum: 1,
    maximum: 16,
    description: "Dead letters that one process replays concurrently.",
  }),
});
