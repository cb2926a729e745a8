import { schema as s } from "@weir/protocol";

/** Which engine folds raw events into windows. */
export const engineSection = s.object({
  windows: s.oneOf(["builtin", "spark"], {
    default: "builtin",
    description:
      "Engine that folds raw events into windows: the built-in one, or the Spark job. Applied at a start after it has changed; `weir engine use` changes it at run time.",
  }),
});
