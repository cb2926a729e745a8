import { schema as s } from "@weir/protocol";

export const retentionSection = s.object({
  raw_days: s.integer({
    default: 90,
    minimum: 1,
    maximum: 3_650,
    description: "Days for which raw events are kept. Older days are dropped whole.",
  }),
  partitions_ahead: s.integer({
    default: 3,
    minimum: 1,
    maximum: 30,
    description: "Daily partitions of the raw log that are created in advance.",
  }),
});
