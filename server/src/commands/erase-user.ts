import { userInfo } from "node:os";
import type { Command } from "commander";
import { type Erasure, readErasure, requestErasure } from "../parts/erasure/requests.ts";
import { UserError } from "./context.ts";
import { withDatabase } from "./database-command.ts";

const waitEveryMs = 300;

export function registerEraseUser(program: Command): void {
  program
    .command("erase-user <id>")
    .description("forget a user: events, vectors, dead letters; windows are made anew without them")
    .requiredOption("--yes", "yes, for good: there is no way back")
    .option("--no-wait", "do not wait for the certificate")
    .addHelpText(
      "after",
      "\nExample:\n  $ weir erase-user customer-17850 --yes\n\nUsers without an id are named anonymous:<anonymous_id>.",
    )
    .action((...[id, { wait }, command]: [string, { wait: boolean }, Command]) =>
      withDatabase(command, async ({ database, show }) => {
        if (id.trim() === "") throw new UserError("the user's id is empty", { exitCode: 2 });
        let erasure = await requestErasure(database, {
          userKey: id,
          requestedBy: `cli:${userInfo().username}`,
        });
        let told: string | null = null;
        while (wait && erasure.state !== "done") {
          if (erasure.stage !== told && process.stderr.isTTY === true) {
            told = erasure.stage;
            process.stderr.write(`  ${told ?? "waiting for the part retention"} …\n`);
          }
          await new Promise((resolve) => setTimeout(resolve, waitEveryMs));
          erasure = await readErasure(database, erasure.id);
        }
        show(erasure, certificate);
      }),
    );
}

function certificate(erasure: Erasure): string {
  const { erased } = erasure;
  return [
    erasure.state === "done" ? "Certificate of erasure" : "The erasure is under way",
    `  id                  ${erasure.id}`,
    `  user (SHA-256)      ${erasure.user_hash}`,
    `  asked for           ${erasure.requested_at} by ${erasure.requested_by}`,
    `  done                ${erasure.finished_at ?? "not yet"}`,
    `  raw events          ${erased.raw_events}`,
    `  analytics rows      ${erased.analytics_rows}`,
    `  points              ${erased.points}`,
    `  dead letters        ${erased.dead_letters}`,
    `  hours made anew     ${erasure.hours_recomputed}`,
    `  hours kept as sums  ${erasure.hours_kept}`,
    "  Sending the erased events again gives `duplicate` and brings nothing back.",
  ].join("\n");
}
