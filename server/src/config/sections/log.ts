import { schema as s } from "@weir/protocol";
import { sizePattern } from "../../core/size.ts";
import { hot } from "../hot.ts";

export const logSection = s.object({
  level: s.oneOf(["debug", "info", "warn", "error"], {
    default: "info",
    description: "Minimum log level.",
    ...hot,
  }),
  max_size: s.string({
    default: "64 MiB",
    pattern: sizePattern,
    description:
      "Size at which a log file of `weir up` (its own, and that of the embedded PostgreSQL) is replaced by a new one. All files together take at most half of their disk.",
  }),
  files: s.integer({
    default: 5,
    minimum: 1,
    maximum: 100,
    description: "Log files that are kept, with the newest.",
  }),
});
