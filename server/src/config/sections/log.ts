import { schema as s } from "@weir/protocol";
import { hot } from "../hot.ts";

export const logSection = s.object({
  level: s.oneOf(["debug", "info", "warn", "error"], {
    default: "info",
    description: "Minimum log level.",
    ...hot,
  }),
});
