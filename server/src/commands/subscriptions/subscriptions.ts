import type { Command } from "commander";
import { withHelp } from "../help.ts";
import { registerActions } from "./actions.ts";
import { registerChanges } from "./changes.ts";
import { registerViews } from "./views.ts";

export function registerSubscriptions(program: Command): void {
  const subscriptions = withHelp(
    program
      .command("subscriptions")
      .description("forward accepted events to webhooks: list, change, test, pause, replay"),
    { examples: ["weir subscriptions list", "weir subscriptions log order-mails --state dead"] },
  );
  registerViews(subscriptions);
  registerChanges(subscriptions);
  registerActions(subscriptions);
}
