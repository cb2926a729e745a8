import { userInfo } from "node:os";
import type { Command } from "commander";
import { liftBlock } from "../parts/erasure/blocks.ts";
import { withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";

export function registerUnblockUser(program: Command): void {
  withHelp(
    program
      .command("unblock-user <id>")
      .description("lift the block of an erased user: events of the user are accepted again"),
    {
      examples: ["weir unblock-user customer-17850"],
      notes: "What was erased stays erased. The lifting is recorded in the audit log.",
    },
  ).action((...[id, , command]: [string, unknown, Command]) =>
    withDatabase(command, async (context) => {
      const lifted = await liftBlock(context.database, {
        userKey: id,
        actor: `cli:${userInfo().username}`,
      });
      context.show(
        lifted,
        ({ user_hash: user, erasure }) =>
          `Events of the user are accepted again.\n  user (SHA-256)  ${user}\n  erasure         ${erasure}`,
      );
    }),
  );
}
