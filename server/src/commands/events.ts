import { readFileSync } from "node:fs";
import { liveFeed, type ServerFrame } from "@weir/protocol";
import type { Command } from "commander";
import { stopSignal } from "../process/signals.ts";
import { contextOf, UserError } from "./context.ts";
import { runningWeir } from "./running-weir.ts";

export function registerEvents(program: Command): void {
  const events = program.command("events").description("send events and watch them arrive");

  events
    .command("send [file]")
    .description("send one event, a JSON array or NDJSON from a file or standard input")
    .option("--type <event_type>", "send one event of this type instead of a file")
    .addHelpText(
      "after",
      '\nExample:\n  $ weir events send --type product.view\n  $ echo \'{"event_type":"signup"}\' | weir events send',
    )
    .action(async (file: string | undefined, { type }: { type?: string }, command: Command) => {
      const context = contextOf(command);
      const { url, key } = runningWeir(context);
      const text =
        type === undefined
          ? readFileSync(file ?? 0, "utf8")
          : JSON.stringify([{ event_type: type }]);
      const response = await fetch(`${url}/api/events/batch`, {
        method: "POST",
        headers: {
          "x-api-key": key,
          "content-type": text.trimStart().startsWith("[")
            ? "application/json"
            : "application/x-ndjson",
        },
        body: text,
        signal: AbortSignal.timeout(30_000),
      });
      const answer = (await response.json()) as Answer;
      if (answer.results === undefined) {
        throw new UserError(answer.title ?? `status ${response.status}`, {
          hint: answer.detail ?? "",
        });
      }
      context.show(answer, ({ results = [] }) =>
        results
          .map(({ event_id, verdict, detail }) =>
            [verdict.padEnd(9), event_id ?? "-", detail ?? ""].join("  ").trimEnd(),
          )
          .join("\n"),
      );
      if (answer.results.some(({ verdict }) => verdict !== "accepted" && verdict !== "duplicate")) {
        process.exitCode = 1;
      }
    });

  events
    .command("tail")
    .description("print events as they are accepted, until Ctrl-C")
    .option("--type <event_type...>", "only these types")
    .option("--source <service...>", "only these services")
    .option("--user <id>", "only this user")
    .addHelpText("after", "\nExample:\n  $ weir events tail --type purchase")
    .action((filter: TailFilter, command: Command) => tail(filter, command));
}

interface Answer {
  readonly title?: string;
  readonly detail?: string;
  readonly results?: readonly { event_id: string | null; verdict: string; detail?: string }[];
}

interface TailFilter {
  readonly type?: string[];
  readonly source?: string[];
  readonly user?: string;
}

async function tail(filter: TailFilter, command: Command): Promise<void> {
  const context = contextOf(command);
  const { url, key } = runningWeir(context);
  const signal = stopSignal();
  const address = new URL(liveFeed.path, url.replace(/^http/, "ws"));
  for (const type of filter.type ?? []) address.searchParams.append("event_type", type);
  for (const source of filter.source ?? []) address.searchParams.append("source", source);
  if (filter.user !== undefined) address.searchParams.set("user_id", filter.user);
  // Node's WebSocket takes headers beside the standard's arguments; browsers use the cookie.
  const socket = new WebSocket(address, { headers: { "x-api-key": key } } as unknown as string[]);
  const ended = new Promise<string | undefined>((resolve) => {
    socket.addEventListener("error", () => resolve(`${url} does not open the live feed`));
    socket.addEventListener("close", () => resolve(undefined));
  });
  socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(String(data)) as ServerFrame;
    if (frame.type === "bye") process.stderr.write(`weir: ${frame.detail}\n`);
    if (frame.type !== "event") return;
    const { event } = frame;
    process.stdout.write(
      context.json
        ? `${JSON.stringify(event)}\n`
        : `${event.occurred_at}  ${event.source.padEnd(12)}  ${event.event_type.padEnd(20)}  ${event.user_id ?? "-"}  ${event.product_id ?? ""}\n`,
    );
  });
  signal.addEventListener("abort", () => socket.close(), { once: true });
  const failure = await ended;
  if (failure !== undefined && !signal.aborted) throw new UserError(failure);
}
