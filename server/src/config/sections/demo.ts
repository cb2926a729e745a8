import { schema as s } from "@weir/protocol";

export const demoSection = s.object({
  enabled: s.boolean({
    default: true,
    description:
      "Sends two months of a demo shop, and its traffic as it happens. Always off in production.",
  }),
  rate: s.number({
    default: 0.12,
    minimum: 0,
    maximum: 10_000,
    description:
      "Simulated events per second, averaged over a day. The history has the default rate; a higher one shows as a jump.",
  }),
});
