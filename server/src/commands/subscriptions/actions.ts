import type { Command } from "commander";
import { composeTest } from "../../compose/deliveries.ts";
import { pauseSubscription, resumeSubscription } from "../../parts/deliveries/change-state.ts";
import { replayEvents, rotateSecret } from "../../parts/deliveries/changes.ts";
import { findSubscription, readSubscription } from "../../parts/deliveries/views.ts";
import { exitCodes } from "../context.ts";
import { withDatabase } from "../database-command.ts";
import { withHelp } from "../help.ts";
import { readInstant, readNumber } from "../option-values.ts";
import { changeIn } from "./change.ts";
import { subscriptionText } from "./views.ts";

export function registerActions(subscriptions: Command): void {
  registerTest(subscriptions);
  registerStates(subscriptions);
  registerReplay(subscriptions);
  registerRotate(subscriptions);
}

function registerTest(subscriptions: Command): void {
  withHelp(
    subscriptions
      .command("test <name>")
      .description("send one test event now and show the answer; exit code 1 when it fails"),
    { examples: ["weir subscriptions test order-mails"] },
  ).action((...[name, , command]: [string, object, Command]) =>
    withDatabase(command, async ({ config, database, show }) => {
      const id = await findSubscription(database, name);
      const subscription = await readSubscription(database, id);
      const tested = await composeTest(() => config, database)(subscription);
      show(tested, ({ delivered, status, error, latency_ms: ms }) =>
        delivered ? `Delivered in ${ms} ms: status ${status}.` : `Failed after ${ms} ms: ${error}`,
      );
      if (!tested.delivered) process.exitCode = exitCodes.failed;
    }),
  );
}

function registerStates(subscriptions: Command): void {
  withHelp(
    subscriptions
      .command("pause <name>")
      .description("pause a subscription; the raw log keeps its events"),
    { examples: ["weir subscriptions pause order-mails"] },
  ).action((...[name, , command]: [string, object, Command]) =>
    withDatabase(command, async (context) => {
      const { database, show } = context;
      const id = await findSubscription(database, name);
      const change = changeIn(context);
      await pauseSubscription(change, id, { reason: `paused by ${change.actor}` });
      show(await readSubscription(database, id), subscriptionText);
    }),
  );

  withHelp(
    subscriptions
      .command("resume <name>")
      .description("resume a subscription with the events since its pause"),
    { examples: ["weir subscriptions resume order-mails"] },
  ).action((...[name, , command]: [string, object, Command]) =>
    withDatabase(command, async (context) => {
      const { database, show } = context;
      const id = await findSubscription(database, name);
      await resumeSubscription(changeIn(context), id);
      show(await readSubscription(database, id), subscriptionText);
    }),
  );
}

function registerReplay(subscriptions: Command): void {
  withHelp(
    subscriptions
      .command("replay <name>")
      .description("deliver events again that were received in a period")
      .requiredOption("--from <instant>", "received at or after this instant")
      .option("--to <instant>", "received before this instant; default: now"),
    { examples: ["weir subscriptions replay order-mails --from 2027-01-31T12:00:00Z"] },
  ).action((...[name, { from, to }, command]: [string, { from: string; to?: string }, Command]) =>
    withDatabase(command, async (context) => {
      const { database, show } = context;
      const id = await findSubscription(database, name);
      const period = {
        from: readInstant(from).toISOString(),
        ...(to === undefined ? {} : { to: readInstant(to).toISOString() }),
      };
      const replay = await replayEvents(changeIn(context), id, period);
      show(replay, () => `The replay has begun; see weir subscriptions show ${name}.`);
    }),
  );
}

function registerRotate(subscriptions: Command): void {
  withHelp(
    subscriptions
      .command("rotate <name>")
      .description("make a new secret and print it, once; the previous one signs too for a while")
      .option("--overlap-hours <number>", "for how long both sign", readNumber, 24),
    { examples: ["weir subscriptions rotate order-mails --overlap-hours 48"] },
  ).action((...[name, flags, command]: [string, { overlapHours: number }, Command]) =>
    withDatabase(command, async (context) => {
      const { database, show } = context;
      const id = await findSubscription(database, name);
      const hours = Math.min(Math.max(0, flags.overlapHours), 168);
      const secret = await rotateSecret(changeIn(context), id, hours);
      show(
        { secret, overlap_hours: hours },
        () => `${secret}\nThe previous secret signs too for ${hours} hours.`,
      );
    }),
  );
}
