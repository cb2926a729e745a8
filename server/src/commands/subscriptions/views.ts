import type { Command } from "commander";
import type { DeliveryView, WholeSubscription } from "../../parts/deliveries/schemas.ts";
import { deliveryStates } from "../../parts/deliveries/schemas.ts";
import {
  findSubscription,
  listDeliveries,
  listSubscriptions,
  readSubscription,
} from "../../parts/deliveries/views.ts";
import { exitCodes, table, UserError } from "../context.ts";
import { withDatabase } from "../database-command.ts";
import { withHelp } from "../help.ts";
import { readCount } from "../option-values.ts";

interface LogFlags {
  readonly state?: string;
  readonly limit: number;
  readonly before?: string;
}

export function registerViews(subscriptions: Command): void {
  withHelp(
    subscriptions
      .command("list")
      .description("list subscriptions with their state")
      .option("--limit <number>", "maximum number of subscriptions", readCount, 200),
    { examples: ["weir subscriptions list"] },
  ).action((...[{ limit }, command]: [{ limit: number }, Command]) =>
    withDatabase(command, async ({ database, show }) => {
      show(await listSubscriptions(database, { limit, after: undefined }), ({ items }) =>
        items.length === 0
          ? "No subscriptions."
          : table(
              ["name", "state", "events", "destination", "failing since"],
              items.map((one) => [
                one.name,
                one.is_behind && one.state === "active" ? "active, catching up" : one.state,
                one.event_types.join(",") || "all",
                URL.parse(one.url)?.host ?? "",
                one.failing_since ?? "",
              ]),
            ),
      );
    }),
  );

  withHelp(
    subscriptions.command("show <name>").description("show one subscription, by its name or id"),
    { examples: ["weir subscriptions show order-mails"] },
  ).action((...[name, , command]: [string, object, Command]) =>
    withDatabase(command, async ({ database, show }) => {
      const id = await findSubscription(database, name);
      show(await readSubscription(database, id), subscriptionText);
    }),
  );

  withHelp(
    subscriptions
      .command("log <name>")
      .description("show deliveries, newest first, with the answers to their attempts")
      .option("--state <state>", `only ${deliveryStates.join(", ")}`)
      .option("--limit <number>", "maximum number of deliveries", readCount, 20)
      .option("--before <id>", "continue after a previous page of results"),
    { examples: ["weir subscriptions log order-mails --state dead"] },
  ).action((...[name, { state, limit, before }, command]: [string, LogFlags, Command]) =>
    withDatabase(command, async ({ database, show }) => {
      if (state !== undefined && !deliveryStates.some((known) => known === state)) {
        throw new UserError(`"${state}" is not a state`, {
          exitCode: exitCodes.usage,
          hint: `use one of ${deliveryStates.join(", ")}`,
        });
      }
      if (before !== undefined && !/^[1-9]\d{0,17}$/.test(before)) {
        throw new UserError(`"${before}" is not the id of a delivery`, {
          exitCode: exitCodes.usage,
        });
      }
      const id = await findSubscription(database, name);
      const { url } = await readSubscription(database, id);
      show(await listDeliveries(database, { id, url }, { state, limit, before }), logTable);
    }),
  );
}

export function subscriptionText(one: WholeSubscription): string {
  return [
    `name          ${one.name}`,
    `id            ${one.id}`,
    `destination   ${one.url}`,
    `state         ${one.state}${one.state_reason === null ? "" : `: ${one.state_reason}`} (since ${one.state_since})`,
    `events        ${one.event_types.join(", ") || "all types"}, from ${one.sources.join(", ") || "all services"}`,
    `filter        ${one.filter === null ? "none" : JSON.stringify(one.filter)}`,
    `data          ${one.projection === null ? "the whole event" : one.projection.join(", ")}`,
    `order         ${one.order_by === null ? "none" : `by ${one.order_by}`}, ${one.concurrency} at once`,
    `deliveries    ${one.pending} wait, ${one.delivered} delivered and ${one.dead} dead in the log`,
    ...(one.failing_since === null ? [] : [`failing since ${one.failing_since}`]),
    ...one.replays.map(
      ({ from, to, state, deliveries }) =>
        `replay        ${from} to ${to ?? "its request"}: ${state}, ${deliveries} deliveries`,
    ),
  ].join("\n");
}

function logTable({
  items,
  next,
}: {
  readonly items: readonly DeliveryView[];
  readonly next: string | null;
}): string {
  if (items.length === 0) return "No deliveries.";
  const rows = table(
    ["id", "event", "state", "attempts", "last answer", "ms", "error"],
    items.map(({ id, event_type: type, state, attempts, last_error: error }) => {
      const last = attempts.at(-1);
      return [
        ...[id, type, state, attempts.length, last?.status ?? ""],
        ...[last === undefined ? "" : last.latency_ms.toFixed(1), (error ?? "").slice(0, 60)],
      ];
    }),
  );
  return next === null ? rows : `${rows}\n\nMore: --before ${next}`;
}
