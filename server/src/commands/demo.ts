import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { Config } from "../config/schema.ts";
import type { DemoSource } from "../parts/demo/demo-event.ts";
import { runBurst } from "../parts/demo/run-burst.ts";
import { type DemoProgress, runDemo } from "../parts/demo/run-demo.ts";
import { demoServices } from "../process/installation.ts";
import { readRunFile, readSecretFile } from "../process/run-file.ts";
import { stopSignal } from "../process/signals.ts";
import { contextOf, UserError } from "./context.ts";

interface DemoFlags {
  readonly url?: string;
  readonly rate?: number;
  readonly seed?: number;
  readonly burst?: number;
}

export function registerDemo(program: Command): void {
  program
    .command("demo")
    .description("replay the sample data once, then keep simulated shop traffic running")
    .option("--url <url>", "the Weir to send to; default: the one on the data folder")
    .option("--rate <number>", "simulated events per second on the average of a day", Number)
    .option("--seed <number>", "repeat a simulation", Number)
    .option("--burst <count>", "instead: send so many events as fast as they are taken", Number)
    .addHelpText("after", "\nExample:\n  $ weir demo --rate 50\n  $ weir demo --burst 50000")
    .action(async (flags: DemoFlags, command: Command) => {
      const { config, show } = contextOf(command);
      const signal = stopSignal();
      const url = flags.url ?? readRunFile(config.data_dir)?.url;
      if (url === undefined) {
        throw new UserError(`no Weir runs on ${config.data_dir}`, {
          hint: 'start one with "weir up", or name one with --url',
        });
      }
      const target = { url, keys: senderKeys(config), signal };
      if (flags.burst === undefined) {
        show(await demo(config, flags, target), summary);
        return;
      }
      const ended = await runBurst({
        url,
        key: target.keys["shop-web"],
        signal,
        events: flags.burst,
        ...(flags.seed === undefined ? {} : { seed: flags.seed }),
        ...(process.stderr.isTTY ? { onProgress: showBurst } : {}),
      });
      show(ended, ({ accepted, failed, seconds }) =>
        [
          `${accepted} accepted, ${failed} failed in ${seconds.toFixed(1)} s`,
          `${Math.round(accepted / seconds)} events/s`,
        ].join(": "),
      );
    });
}

interface Target {
  readonly url: string;
  readonly keys: Readonly<Record<DemoSource, string>>;
  readonly signal: AbortSignal;
}

/** The samples are sent once an installation; the simulation then goes on at every start. */
async function demo(config: Config, flags: DemoFlags, target: Target): Promise<DemoProgress> {
  const marker = join(config.data_dir, "demo.json");
  const known = existsSync(marker)
    ? (JSON.parse(readFileSync(marker, "utf8")) as { anchor: string; replayed: boolean })
    : { anchor: new Date().toISOString(), replayed: false };
  mkdirSync(config.data_dir, { recursive: true });
  writeFileSync(marker, JSON.stringify(known));
  if (process.connected) process.send?.({ type: "ready" });
  return runDemo({
    ...target,
    rate: flags.rate ?? config.demo.rate,
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    // The same anchor makes the same events, so an interrupted replay goes on without doubling any.
    anchor: known.replayed ? new Date(0) : new Date(known.anchor),
    onProgress: (progress) => {
      if (progress.phase === "live" && !known.replayed) {
        known.replayed = true;
        writeFileSync(marker, JSON.stringify(known));
      }
      if (process.connected) {
        const loading = progress.phase === "replay" ? (progress.total ?? 0) - progress.sent : 0;
        process.send?.({ type: "counters", counters: { samples_to_send: loading } });
      }
    },
  });
}

/** From the supervisor, else the files that `weir up` keeps. */
function senderKeys({ data_dir }: Config): Record<DemoSource, string> {
  const given = JSON.parse(process.env["WEIR_INTERNAL_SENDER_KEYS"] ?? "{}") as Record<
    string,
    string
  >;
  const entries = demoServices.map((name) => {
    const key = given[name] ?? readSecretFile(join(data_dir, "keys", `${name}.key`));
    if (key === undefined) {
      throw new UserError(`there is no key for ${name}`, {
        hint: "the demo's keys are made by a `weir up` with the demo on, and never in production",
      });
    }
    return [name, key] as const;
  });
  return Object.fromEntries(entries) as Record<DemoSource, string>;
}

function summary({ accepted, known, rejected }: DemoProgress): string {
  return `${accepted} accepted, ${known} known already, ${rejected} rejected`;
}

function showBurst({ accepted }: { accepted: number }): void {
  process.stderr.write(`\r${accepted} accepted`);
}
