import { readFileSync } from "node:fs";
import { liveFeed, type RawEvent, type ServerFrame } from "@weir/protocol";
import type { Command } from "commander";
import { stopSignal } from "../process/signals.ts";
import { contextOf, exitCodes, UserError } from "./context.ts";
import { withHelp } from "./help.ts";
import { runningWeir } from "./running-weir.ts";

const sendTimeoutMs = 30_000;

export function registerEvents(program: Command): void {
  const events = withHelp(
    program.command("events").description("send events and watch them arrive"),
    { examples: ["weir events send --type product.view", "weir events tail --type purchase"] },
  );

  withHelp(
    events
      .command("send [file]")
      .description("send one event, a JSON array or NDJSON from a file or standard input")
      .option("--type <event_type>", "send one event of this type instead of a file"),
    {
      examples: [
        "weir events send --type product.view",
        'echo \'{"event_type":"signup"}\' | weir events send',
      ],
      failure: "failure, or an event was neither accepted nor a duplicate",
    },
  ).action(send);

  withHelp(
    events
      .command("tail")
      .description("print events as they are accepted, until Ctrl-C")
      .option("--type <event_type...>", "only events of these types")
      .option("--source <service...>", "only events of these services")
      .option("--user <id>", "only events of this user"),
    { examples: ["weir events tail --type purchase", "weir events tail --json | jq .user_id"] },
  ).action(tail);
}

interface Answer {
  readonly title?: string;
  readonly detail?: string;
  readonly results?: readonly { event_id: string | null; verdict: string; detail?: string }[];
}

async function send(
  file: string | undefined,
  { type }: { readonly type?: string },
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  const { url, key } = runningWeir(context);
  const text =
    type === undefined ? readFileSync(file ?? 0, "utf8") : JSON.stringify([{ event_type: type }]);
  const isArray = text.trimStart().startsWith("[");
  const response = await fetch(`${url}/api/events/batch`, {
    method: "POST",
    headers: {
      "x-api-key": key,
      "content-type": isArray ? "application/json" : "application/x-ndjson",
    },
    body: text,
    signal: AbortSignal.timeout(sendTimeoutMs),
  });
  const answer = (await response.json()) as Answer;
  if (answer.results === undefined) {
    const hint = answer.detail === undefined ? {} : { hint: answer.detail };
    throw new UserError(answer.title ?? `status ${response.status}`, hint);
  }
  context.show(answer, ({ results = [] }) =>
    results
      .map(({ event_id, verdict, detail }) =>
        [verdict.padEnd(9), event_id ?? "-", detail ?? ""].join("  ").trimEnd(),
      )
      .join("\n"),
  );
  const stored = ["accepted", "duplicate"];
  if (answer.results.some(({ verdict }) => !stored.includes(verdict))) {
    process.exitCode = exitCodes.failed;
  }
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
  // Node's WebSocket takes headers in place of the standard's list of protocols; browsers use the cookie.
  const socket = new WebSocket(feedUrl(url, filter), {
    headers: { "x-api-key": key },
  } as unknown as string[]);
  const ended = new Promise<string | undefined>((resolve) => {
    socket.addEventListener("error", () => resolve(`cannot open the live feed of ${url}`));
    socket.addEventListener("close", () => resolve(undefined));
  });
  socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(String(data)) as ServerFrame;
    if (frame.type === "bye") process.stderr.write(`weir: ${frame.detail}\n`);
    if (frame.type === "gap") process.stderr.write(`weir: events were missed: ${frame.reason}\n`);
    if (frame.type !== "event") return;
    const line = context.json ? JSON.stringify(frame.event) : eventLine(frame.event);
    process.stdout.write(`${line}\n`);
  });
  signal.addEventListener("abort", () => socket.close(), { once: true });
  const failure = await ended;
  if (failure !== undefined && !signal.aborted) throw new UserError(failure);
}

function feedUrl(url: string, { type = [], source = [], user }: TailFilter): URL {
  const address = new URL(liveFeed.path, url.replace(/^http/, "ws"));
  for (const name of type) address.searchParams.append("event_type", name);
  for (const name of source) address.searchParams.append("source", name);
  if (user !== undefined) address.searchParams.set("user_id", user);
  return address;
}

function eventLine(event: RawEvent): string {
  return [
    event.occurred_at,
    event.source.padEnd(12),
    event.event_type.padEnd(20),
    event.user_id ?? "-",
    event.product_id ?? "",
  ]
    .join("  ")
    .trimEnd();
}
