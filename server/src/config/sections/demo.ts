import { schema as s } from "@weir/protocol";

export const demoSection = s.object({
  enabled: s.boolean({
    default: true,
    description:
      "Sends two months of a demo shop, and its traffic as it happens. Always off in production.",
  }),
  history_days: s.integer({
    default: 61,
    minimum: 0,
    maximum: 90,
    description:
      "Days of the demo shop before its first start. 61 compare a month with the one before it; fewer load faster.",
  }),
  rate: s.number({
    default: 0.12,
    minimum: 0,
    maximum: 10_000,
    description:
      "Simulated events per second, averaged over a day. The history has the default rate; a higher one shows as a jump.",
  }),
});
