import { schema as s } from "@weir/protocol";
import { sizePattern } from "../../core/size.ts";
import { hot } from "../hot.ts";

const folders = ["data", "wal", "logs", "cache", "keys", "state"] as const;

export const storageSection = s.object({
  min_free: s.nullable(
    s.string({
      default: null,
      pattern: sizePattern,
      description:
        "Space that must stay free on each disk, such as `2 GiB`; below it no events are accepted. `null`: 512 MiB, at most a fifth of the disk. `0B`: no reserve.",
      ...hot,
    }),
  ),
  guarded: s.array(s.oneOf(folders), {
    default: [...folders],
    description:
      "Folders that need the reserve for events to be accepted: the database, its write-ahead log, logs, index cache, key files, and the data folder itself. For the others a lack of space only shows in health.",
    ...hot,
  }),
});
