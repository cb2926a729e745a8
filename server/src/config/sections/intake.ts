import { schema as s } from "@weir/protocol";

/** Intake: from the topic `raw_data` to the raw log. */
export const intakeSection = s.object({
  enabled: s.boolean({
    default: true,
    description: "Runs intake when `kafka.brokers` is set.",
  }),
  topic: s.nullable(
    s.string({
      default: null,
      minLength: 1,
      description: "Topic to read. Default: `raw_data` with the prefix of `kafka.topics.prefix`.",
    }),
  ),
  group: s.string({
    default: "weir-intake",
    minLength: 1,
    description:
      "Consumer group. All intake processes of an installation share it; a new name reads the topic again.",
  }),
  start_from: s.oneOf(["earliest", "latest"], {
    default: "earliest",
    description: "Where a group that has read nothing yet begins.",
  }),
  dlq_copies: s.boolean({
    default: true,
    description:
      "Copies messages that become dead letters to the topic `raw_data.dlq`, with the reason in their headers.",
  }),
  max_mib: s.integer({
    default: 64,
    minimum: 1,
    maximum: 4_096,
    description: "Memory for messages that were read and are not stored yet.",
  }),
  batch_events: s.integer({
    default: 500,
    minimum: 1,
    maximum: 2_000,
    description: "Maximum messages of one partition that are stored together.",
  }),
  principals: s.object({
    header: s.nullable(
      s.string({
        default: null,
        minLength: 1,
        description:
          "Header in which a proxy or an interceptor of the broker names the authenticated producer. Set it only if producers cannot set this header themselves. Default: a message is identified by its header `weir-key`.",
      }),
    ),
    services: s.array(s.string({ pattern: "^.+=[^=]+$" }), {
      default: [],
      description:
        "Services of these producers, as `principal=service`: `User:shop-producer=shop`. The last `=` separates them.",
    }),
  }),
});
