import type { Command } from "commander";
import type { Lag } from "../core/ports/log.ts";
import { readLag } from "../parts/log/lag.ts";
import { type LogReader, listReaders, unregisterReader } from "../parts/log/readers.ts";
import { table, UserError } from "./context.ts";
import { type DatabaseContext, withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";

/** Add up what they read: registered again after a removal, they would count every event twice. */
const counting: readonly string[] = ["windows", "stream"];

export function registerReaders(program: Command): void {
  const readers = withHelp(
    program
      .command("readers")
      .description("list what reads the raw log, and remove readers that will not come back"),
    { examples: ["weir readers list", "weir readers remove archive"] },
  );

  withHelp(
    readers
      .command("list")
      .description("list the registered readers with their unread events and last sign of life"),
    { examples: ["weir readers list"] },
  ).action((_flags: object, command: Command) => withDatabase(command, list));

  withHelp(
    readers
      .command("remove <name>")
      .description("remove a reader; retention no longer keeps raw events for it"),
    { examples: ["weir readers remove archive"] },
  ).action((...[name, , command]: [string, object, Command]) =>
    withDatabase(command, (context) => remove(context, name)),
  );
}

async function list({ database, show }: DatabaseContext): Promise<void> {
  const rows: { reader: LogReader; lag: Lag }[] = [];
  for (const reader of await listReaders(database)) {
    const lag = await readLag(database, reader.name);
    if (lag !== undefined) rows.push({ reader, lag });
  }
  const readers = rows.map(({ reader, lag }) => ({
    name: reader.name,
    unread_events: lag.events,
    more: lag.more,
    oldest_unread_seconds: lag.seconds,
    open_pages: reader.openPages,
    read_events: reader.events,
    heartbeat_at: reader.heartbeatAt.toISOString(),
  }));
  show({ readers }, () =>
    table(
      ["reader", "unread", "oldest unread", "open pages", "last sign of life"],
      readers.map((row) => [
        row.name,
        `${row.unread_events}${row.more ? "+" : ""}`,
        `${row.oldest_unread_seconds.toFixed(1)} s`,
        row.open_pages,
        row.heartbeat_at,
      ]),
    ),
  );
}

async function remove({ database, show }: DatabaseContext, name: string): Promise<void> {
  const reader = (await listReaders(database)).find((one) => one.name === name);
  if (reader === undefined) {
    throw new UserError(`no reader is named "${name}"`, { hint: "see weir readers list" });
  }
  if (counting.includes(name) && reader.events > 0) {
    throw new UserError(`"${name}" has counted what it read, and cannot begin again`, {
      hint: "start its part instead, so that it reads on",
    });
  }
  await unregisterReader(database, name);
  show({ removed: name }, () => `Removed the reader "${name}".`);
}
