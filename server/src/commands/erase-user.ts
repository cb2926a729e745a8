import { userInfo } from "node:os";
import type { Command } from "commander";
import { type Erasure, readErasure, requestErasure } from "../parts/erasure/requests.ts";
import { poll } from "../timing/poll.ts";
import { exitCodes, pollIntervalMs, UserError } from "./context.ts";
import { type DatabaseContext, withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";

export function registerEraseUser(program: Command): void {
  withHelp(
    program
      .command("erase-user <id>")
      .description("erase a user: events, analytics, points and dead letters")
      .requiredOption("--yes", "confirm: an erasure cannot be undone")
      .option("--no-wait", "queue the erasure and return at once"),
    {
      examples: [
        "weir erase-user customer-17850 --yes",
        "weir erase-user anonymous:till-536365 --yes",
      ],
      notes: "The id of a user without a user_id is anonymous:<anonymous_id>.",
    },
  ).action((...[id, { wait }, command]: [string, { wait: boolean }, Command]) =>
    withDatabase(command, async (context) => {
      if (id.trim() === "") {
        throw new UserError("the id of the user is empty", { exitCode: exitCodes.usage });
      }
      const requested = await requestErasure(context.database, {
        userKey: id,
        requestedBy: `cli:${userInfo().username}`,
        afterRequest: context.config.erasure.after_request,
      });
      const erasure = wait ? await waitForErasure(context, requested) : requested;
      context.show(erasure, certificate);
    }),
  );
}

async function waitForErasure({ database }: DatabaseContext, requested: Erasure): Promise<Erasure> {
  let shown: string | null | undefined;
  return poll(
    async () => {
      const erasure = await readErasure(database, requested.id);
      if (erasure.state === "done") return erasure;
      if (erasure.stage !== shown && process.stderr.isTTY === true) {
        shown = erasure.stage;
        process.stderr.write(`  ${shown ?? "waiting for the part retention"} …\n`);
      }
      return undefined;
    },
    { everyMs: pollIntervalMs },
  );
}

function certificate(erasure: Erasure): string {
  const { erased, after_request: after, blocked } = erasure;
  return [
    erasure.state === "done" ? "Certificate of erasure" : "Erasure in progress",
    `  id                   ${erasure.id}`,
    `  user (SHA-256)       ${erasure.user_hash}`,
    `  requested            ${erasure.requested_at} by ${erasure.requested_by}`,
    `  completed            ${erasure.finished_at ?? "not yet"}`,
    `  raw events           ${erased.raw_events}`,
    `  analytics rows       ${erased.analytics_rows}`,
    `  points               ${erased.points}`,
    `  dead letters         ${erased.dead_letters}`,
    `  hours corrected      ${erasure.hours_recomputed}`,
    `  hours kept as totals ${erasure.hours_kept}`,
    `  later events         ${laterEvents(after, blocked)}`,
    "  Sending an erased event again restores nothing.",
  ].join("\n");
}

function laterEvents(after: Erasure["after_request"], blocked: boolean): string {
  if (blocked) return "refused, until weir unblock-user lifts the block";
  return after === "block" ? "accepted: the block was lifted" : "accepted, as a new history";
}
