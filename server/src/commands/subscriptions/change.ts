import { userInfo } from "node:os";
import { composeChanging } from "../../compose/deliveries.ts";
import type { Changing } from "../../parts/deliveries/changes.ts";
import type { DatabaseContext } from "../database-command.ts";

/** A change by the person at the terminal. */
export function changeIn({ config, database }: DatabaseContext): Changing {
  return {
    ...composeChanging(() => config, database),
    actor: `cli:${userInfo().username}`,
  };
}
