import { schema as s } from "@weir/protocol";
import { hot } from "../hot.ts";

export const cacheSection = s.object({
  driver: s.oneOf(["none", "memory", "redis"], {
    default: "none",
    description:
      "Where answers of analytics questions are kept for the next one who asks: `memory`, in each process, or `redis`, for all processes.",
  }),
  max_age_ms: s.integer({
    default: 1_000,
    minimum: 100,
    maximum: 60_000,
    description:
      "Maximum age of a kept answer. New events are in the next answer in any case; a rerun, an erasure and expired data show after this time.",
    ...hot,
  }),
  memory_mib: s.integer({
    default: 16,
    minimum: 1,
    maximum: 4_096,
    description: "Memory of the driver `memory`, in each process.",
  }),
  max_answer_kib: s.integer({
    default: 1_024,
    minimum: 1,
    maximum: 16_384,
    description: "Larger answers are not kept.",
  }),
});
