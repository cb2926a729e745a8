import { schema as s } from "@weir/protocol";
import { hot } from "../hot.ts";

export const erasureSection = s.object({
  after_request: s.oneOf(["block", "allow"], {
    default: "block",
    description:
      "What happens to events of a user that arrive after the request to erase the user. `block`: they are refused with the code `user_erased` until the block is lifted, because a device or a queue that still holds such events would otherwise bring the user back unnoticed. `allow`: they are kept and counted as the history of a new user.",
    ...hot,
  }),
});
