/** `weir demo traffic`: load with a known content, to try an installation and to measure it. */
import { randomInt } from "node:crypto";
import { type Command, InvalidArgumentError, Option } from "commander";
import { openTrafficTopic } from "../compose/demo-traffic.ts";
import { messageOf } from "../core/errors.ts";
import { GeneratedEvents } from "../parts/demo/generator/generated-events.ts";
import { createHttpTarget } from "../parts/demo/generator/http-target.ts";
import { createKafkaTarget } from "../parts/demo/generator/kafka-target.ts";
import { runGenerator, type TrafficReport } from "../parts/demo/generator/run-generator.ts";
import type { TrafficTarget } from "../parts/demo/generator/target.ts";
import { readDemoKeys } from "../process/installation.ts";
import { readRunFile } from "../process/run-file.ts";
import { stopRequests } from "../process/signals.ts";
import { type CommandContext, contextOf, exitCodes, UserError } from "./context.ts";
import { withHelp } from "./help.ts";
import { missingKafka } from "./kafka-setting.ts";
import { readCount, readInstant, readNumber } from "./option-values.ts";
import { progressPrinter, trafficSummary } from "./traffic-output.ts";

export interface TrafficFlags {
  readonly count: number;
  readonly to: "http" | "kafka";
  readonly burst?: boolean;
  readonly rate?: number;
  /** False with --no-rate-limit. */
  readonly rateLimit: boolean;
  readonly compression?: (typeof codecs)[number];
  readonly bad: number;
  readonly late: number;
  readonly duplicates: number;
  readonly seed?: number;
  readonly start?: string;
  readonly topic?: string;
  readonly key?: string;
  readonly url?: string;
}

const codecs = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
const defaults = { count: 50_000, rate: 1_000 };
/** Timestamps of a burst are this close, events per second. */
const burstDensity = 20_000;
const dayMs = 24 * 60 * 60 * 1000;

export function registerDemoTraffic(demo: Command): void {
  const share = (name: string, what: string) =>
    new Option(`--${name} <share>`, what).argParser(readShare).default(0, "0%");
  withHelp(
    demo
      .command("traffic")
      .description("send events of an e-commerce shop's users, with known numbers of bad ones")
      .option("-c, --count <number>", "number of events", readCount, defaults.count)
      .addOption(new Option("--to <target>", "where to").choices(["http", "kafka"]).default("http"))
      .option("--burst", "as fast as they are accepted")
      .option("--rate <number>", `events per second (default: ${defaults.rate})`, readNumber)
      .option("--no-rate-limit", "the same as --burst, whatever --rate says")
      .addOption(
        new Option("--compression <codec>", "of batches; http has gzip for all").choices(codecs),
      )
      .addOption(share("bad", "part that is refused, such as 1% or 0.01"))
      .addOption(share("late", "part with a timestamp of up to two days earlier"))
      .addOption(share("duplicates", "part that repeats an earlier event"))
      .option("--seed <number>", "the same seed on one day sends the same events", readNumber)
      .option("--start <instant>", "timestamp of the first event; with --seed: today, 00:00 UTC")
      .option("--topic <name>", "topic of --to kafka (default: the one that intake reads)")
      .option("--key <key>", "API key of the sender (default: WEIR_KEY, or the demo's)")
      .option("--url <url>", "URL of the Weir to send to (default: the one of the data folder)"),
    {
      examples: [
        "weir demo traffic -c 50000 --burst --no-rate-limit --compression lz4 --to kafka",
        "weir demo traffic --rate 500 --bad 1% --late 2% --duplicates 1% --seed 7",
      ],
      failure: "events failed, or the answers are not those that were expected",
      exitCodes: { 130: "ended by Ctrl-C" },
    },
  ).action(async (_own: TrafficFlags, command: Command) => {
    // options that the parent has too are parsed as its own
    const flags = command.optsWithGlobals<TrafficFlags>();
    await sendTraffic(contextOf(command), flags);
  });
}

async function sendTraffic(context: CommandContext, flags: TrafficFlags): Promise<void> {
  const { stop: signal, exitCode } = stopRequests();
  const rate = paceOf(flags);
  const seed = flags.seed ?? randomInt(1, 2 ** 31);
  const start = startOf(flags, rate);
  const events = readEvents({ flags, seed, start, density: rate ?? burstDensity });
  const report = await runGenerator({
    events,
    target: await openTarget(context, flags, signal),
    count: flags.count,
    ...(rate === undefined ? {} : { rate }),
    signal,
    onProgress: progressPrinter(process.stderr),
  });
  const repeat = `--seed ${seed} --start ${new Date(start).toISOString()}`;
  context.show({ ...report, seed, start: new Date(start).toISOString() }, () =>
    trafficSummary(report, { to: flags.to, repeat }),
  );
  if (report.ended === "interrupted") process.exitCode = exitCode();
  else if (!isAsExpected(report, flags.to)) process.exitCode = exitCodes.failed;
}

/** Events per second; undefined: no limit. */
function paceOf({ burst, rate, rateLimit }: TrafficFlags): number | undefined {
  if (!rateLimit || (burst === true && rate === undefined)) return undefined;
  if (rate !== undefined && rate <= 0) {
    throw new UserError("--rate must be above 0", { exitCode: exitCodes.usage });
  }
  return rate ?? defaults.rate;
}

/** Milliseconds since 1970. A repetition with the same seed has the same timestamps, at least on the same day. */
function startOf({ start, seed, count }: TrafficFlags, rate: number | undefined): number {
  if (start !== undefined) return readInstant(start).getTime();
  if (seed !== undefined) return Math.floor(Date.now() / dayMs) * dayMs;
  return rate === undefined ? Date.now() - Math.ceil((count / burstDensity) * 1000) : Date.now();
}

function readEvents(about: {
  readonly flags: TrafficFlags;
  readonly seed: number;
  readonly start: number;
  readonly density: number;
}): GeneratedEvents {
  const { flags, ...options } = about;
  const { bad, late, duplicates: duplicate } = flags;
  try {
    return new GeneratedEvents({ ...options, shares: { bad, late, duplicate } });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(error.message, { exitCode: exitCodes.usage });
  }
}

async function openTarget(
  context: CommandContext,
  flags: TrafficFlags,
  signal: AbortSignal,
): Promise<TrafficTarget> {
  if (flags.to === "http") return openHttp(context, flags, signal);
  const { config } = context;
  const missing = missingKafka(config);
  if (missing !== undefined) throw new UserError(missing);
  const { topic, compression } = flags;
  const opened = await openTrafficTopic(config, {
    ...(topic === undefined ? {} : { topic }),
    ...(compression === undefined ? {} : { compression }),
  }).catch((error: unknown) => {
    throw new UserError(messageOf(error), { hint: `kafka.brokers: ${config.kafka.brokers}` });
  });
  return createKafkaTarget({
    ...opened,
    key: senderKey(config.data_dir, flags),
    signal,
    random: Math.random,
  });
}

function openHttp(
  { config }: CommandContext,
  flags: TrafficFlags,
  signal: AbortSignal,
): TrafficTarget {
  const url = flags.url ?? readRunFile(config.data_dir)?.url;
  if (url === undefined) {
    throw new UserError(`no Weir is running on ${config.data_dir}`, {
      hint: 'start one with "weir up", or name one with --url',
    });
  }
  const gzip = flags.compression !== undefined && flags.compression !== "none";
  if (gzip && flags.compression !== "gzip") {
    process.stderr.write(`http has no ${flags.compression} for events: gzip is used\n`);
  }
  return createHttpTarget({ url, key: senderKey(config.data_dir, flags), gzip, signal });
}

function senderKey(dataDir: string, { key }: TrafficFlags): string {
  const named = key ?? process.env["WEIR_KEY"];
  if (named !== undefined) return named;
  try {
    return readDemoKeys(dataDir)["shop-web"];
  } catch (error) {
    throw new UserError(messageOf(error), { hint: "name a key with --key or WEIR_KEY" });
  }
}

/** All have an answer, and the answers are those that this content has. */
function isAsExpected(report: TrafficReport, to: TrafficFlags["to"]): boolean {
  const { rejected, conflict, failed } = report.outcomes;
  const refused = to === "kafka" || rejected === report.sent.bad;
  return report.ended === "complete" && failed === 0 && conflict === 0 && refused;
}

/** `1%` or `0.01`. */
function readShare(text: string): number {
  const value = text.endsWith("%") ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("It must be a share such as 1% or 0.01.");
}
