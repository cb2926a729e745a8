import type { Command } from "commander";
import { createLogger } from "../adapters/telemetry/logger.ts";
import { createMetrics } from "../adapters/telemetry/metrics.ts";
import type { HttpProcess } from "../compose/http.ts";
import type { Config } from "../config/schema.ts";
import { watchConfig } from "../config/watch.ts";
import type { Part } from "../core/ports/part.ts";
import { configuredUrls } from "../process/databases.ts";
import { runParts } from "../process/part-runner.ts";
import { aborted, stopSignal } from "../process/signals.ts";
import type { ChildMessage } from "../process/supervisor.ts";
import { contextOf, UserError } from "./context.ts";

/** The names of `--parts`. `http` stands for everything that answers requests. */
const partNames = ["http", "etl", "retention", "stream"] as const;
type PartName = (typeof partNames)[number];

export function registerServe(program: Command): void {
  program
    .command("serve")
    .description("run parts in this process, against a database that is there")
    .option("--parts <names>", `comma-separated: ${partNames.join(", ")}`, partNames.join(","))
    .option("--host <address>", "address to listen on")
    .option("--port <number>", "port of the HTTP server; 0 picks a free one", Number)
    .addHelpText(
      "after",
      "\nExample:\n  $ WEIR_DATABASE_URL=postgres://… weir migrate\n  $ WEIR_DATABASE_URL=postgres://… weir serve --parts http",
    )
    .action(async (flags: { parts: string; host?: string; port?: number }, command: Command) => {
      const { config } = contextOf(command, {
        "http.port": { flag: "--port", value: flags.port },
        "http.host": { flag: "--host", value: flags.host },
      });
      await serve(readParts(flags.parts), config);
    });
}

function readParts(text: string): ReadonlySet<PartName> {
  const names = text.split(",").map((name) => name.trim());
  for (const name of names) {
    if (!(partNames as readonly string[]).includes(name)) {
      throw new UserError(`unknown part "${name}"`, {
        exitCode: 2,
        hint: `known: ${partNames.join(", ")}`,
      });
    }
  }
  return new Set(names as PartName[]);
}

async function serve(names: ReadonlySet<PartName>, initial: Config): Promise<void> {
  const signal = stopSignal();
  const label = [...names].join("+");
  const logger = createLogger(initial.log.level, { part: label });
  const config = watchConfig(initial, (sentence) => logger.warn({}, sentence));
  const urls = configuredUrls(config.current());
  if (urls === undefined) {
    throw new UserError("no database is configured", {
      hint: 'set WEIR_DATABASE_URL, or use "weir up", which brings its own PostgreSQL',
    });
  }
  config.onChange((now) => {
    logger.level = now.log.level;
    logger.info({}, "settings changed");
  });
  const metrics = createMetrics(label);

  await using stack = new AsyncDisposableStack();
  stack.defer(() => config.close());
  const shared = { config: config.current, urls, stack, logger, metrics };
  const parts: Part[] = [];
  const readCounters: (() => Readonly<Record<string, number>>)[] = [];
  let url: string | undefined;
  let http: HttpProcess | undefined;

  if (names.has("etl") || names.has("retention")) {
    // Loaded only where it runs: a process without HTTP saves the framework's memory.
    const { composeEtl } = await import("../compose/etl.ts");
    const composed = await composeEtl(shared, {
      etl: names.has("etl"),
      retention: names.has("retention"),
    });
    parts.push(...composed.parts);
    readCounters.push(composed.counters);
  }
  if (names.has("stream")) {
    const { composeStream } = await import("../compose/stream.ts");
    const composed = await composeStream(shared);
    parts.push(...composed.parts);
    readCounters.push(composed.counters);
  }
  if (names.has("http")) {
    const { composeHttp } = await import("../compose/http.ts");
    const composed = await composeHttp(shared);
    const { host, port } = config.current().http;
    const address = await composed.http.listen(host, port);
    url = `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
    parts.push(...composed.parts);
    readCounters.push(composed.counters);
    http = composed;
  }

  const running = new AbortController();
  const ended = runParts(parts, running.signal, logger);
  tell({ type: "ready", ...(url === undefined ? {} : { url }) });
  logger.info({ listen: url ?? null, parts: [...names] }, "ready");
  const telling = setInterval(() => {
    tell({ type: "counters", counters: Object.assign({}, ...readCounters.map((read) => read())) });
  }, 1_000);
  stack.defer(() => clearInterval(telling));

  await aborted(signal);
  logger.info({ reason: String(signal.reason?.message ?? "asked") }, "stopping");
  // First nothing new is taken and all that was taken is answered; then the loops end, and with
  // them the live feeds, without which the server can close.
  await http?.drain();
  running.abort();
  await ended;
  await http?.close();
}

/** Says it to the supervisor, when there is one. */
function tell(message: ChildMessage): void {
  if (process.connected) process.send?.(message);
}
