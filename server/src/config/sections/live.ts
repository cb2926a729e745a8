import { schema as s } from "@weir/protocol";

export const liveSection = s.object({
  max_sockets: s.integer({
    default: 500,
    minimum: 1,
    maximum: 100_000,
    description: "Maximum number of open live feeds.",
  }),
  max_sockets_per_key: s.integer({
    default: 50,
    minimum: 1,
    maximum: 100_000,
    description: "Maximum number of open live feeds of one API key.",
  }),
});
