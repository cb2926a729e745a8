import { schema as s } from "@weir/protocol";

export const demoSection = s.object({
  enabled: s.boolean({
    default: true,
    description: "Sends sample data and simulated traffic. Always off in production.",
  }),
  rate: s.number({
    default: 5,
    minimum: 0,
    maximum: 10_000,
    description: "Simulated events per second, averaged over a day.",
  }),
});
