import type { Command } from "commander";
import { confirmClock, readTrustedTime } from "../parts/clock/trusted-time.ts";
import { UserError } from "./context.ts";
import { type DatabaseContext, withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";

/** Between this machine and PostgreSQL, the question included. */
const maximumDifferenceMs = 2_000;

export function registerClock(program: Command): void {
  const clock = withHelp(
    program
      .command("clock")
      .description("show trusted time, and confirm a clock that was set to another time"),
    { examples: ["weir clock show", "weir clock confirm"] },
  );

  withHelp(
    clock.command("show").description("show trusted time, PostgreSQL's clock and this machine's"),
    { examples: ["weir clock show"] },
  ).action((_flags: object, command: Command) => withDatabase(command, show));

  withHelp(
    clock
      .command("confirm")
      .description("believe the clocks at once: data is deleted for its age by them from now on"),
    {
      examples: ["weir clock confirm"],
      notes:
        "For a clock that was wrong and is right now, and after a long stop. Check the time first: what is too old by it is deleted.",
    },
  ).action((_flags: object, command: Command) => withDatabase(command, confirm));
}

async function show({ database, show: print }: DatabaseContext): Promise<void> {
  const { trusted, postgresql, kind } = await readTrustedTime(database);
  const clocks = {
    trusted: trusted.toISOString(),
    postgresql: postgresql.toISOString(),
    this_machine: new Date().toISOString(),
    state: kind ?? "agree",
  };
  print(clocks, () =>
    [
      `trusted time   ${clocks.trusted}`,
      `PostgreSQL     ${clocks.postgresql}`,
      `this machine   ${clocks.this_machine}`,
      `state          ${clocks.state}`,
    ].join("\n"),
  );
}

async function confirm({ database, show: print }: DatabaseContext): Promise<void> {
  const { postgresql } = await readTrustedTime(database);
  const differenceMs = Math.abs(postgresql.getTime() - Date.now());
  if (differenceMs > maximumDifferenceMs) {
    throw new UserError(
      `PostgreSQL's clock and this machine's differ by ${Math.round(differenceMs / 1000)} s`,
      { hint: "synchronise both clocks, then confirm" },
    );
  }
  const { before, after } = await confirmClock(database);
  print({ before: before.toISOString(), trusted: after.toISOString() }, () =>
    [
      `Trusted time is ${after.toISOString()} now; it was ${before.toISOString()}.`,
      "Weir follows within a few seconds.",
    ].join("\n"),
  );
}
