import type { Command } from "commander";
import {
  createSubscription,
  deleteSubscription,
  updateSubscription,
} from "../../parts/deliveries/changes.ts";
import type { NewSubscription, SubscriptionChange } from "../../parts/deliveries/schemas.ts";
import { orderKeys } from "../../parts/deliveries/subscription.ts";
import { findSubscription, readSubscription } from "../../parts/deliveries/views.ts";
import { exitCodes, UserError } from "../context.ts";
import { withDatabase } from "../database-command.ts";
import { withHelp } from "../help.ts";
import { readCount, readInstant } from "../option-values.ts";
import { changeIn } from "./change.ts";
import { subscriptionText } from "./views.ts";

interface Flags {
  readonly url?: string;
  readonly types?: string;
  readonly sources?: string;
  readonly filter?: string;
  readonly projection?: string;
  readonly orderBy?: string;
  readonly concurrency?: number;
}

function withSettings(command: Command): Command {
  return command
    .option("--types <list>", "event types, with commas; order.* for all that begin with order.")
    .option("--sources <list>", "names of services, with commas")
    .option("--filter <json>", "filter expression; null removes it")
    .option(
      "--projection <list>",
      "JSON Pointers of the members to send, with commas; all: everything",
    )
    .option("--order-by <key>", `${orderKeys.join(", ")} or none`)
    .option("--concurrency <number>", "deliveries at once", readCount);
}

const listIn = (text: string) =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

function readSettings(flags: Flags): SubscriptionChange {
  const { url, types, sources, filter, projection, orderBy, concurrency } = flags;
  return {
    ...(url === undefined ? {} : { url }),
    ...(types === undefined ? {} : { event_types: listIn(types) }),
    ...(sources === undefined ? {} : { sources: listIn(sources) }),
    ...(filter === undefined ? {} : { filter: readJson(filter) }),
    ...(projection === undefined
      ? {}
      : { projection: projection === "all" ? null : listIn(projection) }),
    ...(orderBy === undefined ? {} : { order_by: readOrder(orderBy) }),
    ...(concurrency === undefined ? {} : { concurrency: Math.min(concurrency, 64) }),
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UserError("--filter is not valid JSON", { exitCode: exitCodes.usage });
  }
}

function readOrder(text: string): (typeof orderKeys)[number] | null {
  if (text === "none") return null;
  const key = orderKeys.find((known) => known === text);
  if (key !== undefined) return key;
  throw new UserError(`"${text}" is not an order`, {
    exitCode: exitCodes.usage,
    hint: `use one of ${orderKeys.join(", ")}, or none`,
  });
}

export function registerChanges(subscriptions: Command): void {
  withHelp(
    withSettings(
      subscriptions
        .command("create <name>")
        .description("create a subscription and print its secret, once")
        .requiredOption("--url <url>", "where its events are posted"),
    ).option("--from <instant>", "also events received at or after this instant"),
    {
      examples: [
        "weir subscriptions create order-mails --url https://example.org/hook --types 'order.*' --order-by order",
      ],
    },
  ).action((...[name, flags, command]: [string, Flags & { from?: string }, Command]) =>
    withDatabase(command, async (context) => {
      if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name)) {
        throw new UserError(`"${name}" is not a name for a subscription`, {
          exitCode: exitCodes.usage,
          hint: "use lower case letters, digits, dots and dashes",
        });
      }
      const { database, show } = context;
      const { from } = flags;
      const wanted: NewSubscription = {
        ...readSettings(flags),
        ...{ name, url: flags.url ?? "" },
        ...(from === undefined ? {} : { from: readInstant(from).toISOString() }),
      };
      const { id, secret } = await createSubscription(changeIn(context), wanted);
      const subscription = await readSubscription(database, id);
      show(
        { subscription, secret },
        () => `${subscriptionText(subscription)}\nsecret        ${secret} (not shown again)`,
      );
    }),
  );

  withHelp(
    withSettings(
      subscriptions
        .command("update <name>")
        .description("change a subscription; what is left out stays")
        .option("--url <url>", "where its events are posted"),
    ),
    { examples: ["weir subscriptions update order-mails --types 'order.*,refund'"] },
  ).action((...[name, flags, command]: [string, Flags, Command]) =>
    withDatabase(command, async (context) => {
      const { database, show } = context;
      const id = await findSubscription(database, name);
      await updateSubscription(changeIn(context), id, readSettings(flags));
      show(await readSubscription(database, id), subscriptionText);
    }),
  );

  withHelp(
    subscriptions
      .command("delete <name>")
      .description("delete a subscription with its delivery log"),
    { examples: ["weir subscriptions delete order-mails"] },
  ).action((...[name, , command]: [string, object, Command]) =>
    withDatabase(command, async (context) => {
      const { database, show } = context;
      await deleteSubscription(changeIn(context), await findSubscription(database, name));
      show({ deleted: name }, () => `Deleted "${name}".`);
    }),
  );
}
