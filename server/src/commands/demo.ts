import { join } from "node:path";
import type { Command } from "commander";
import { openReplayMarker } from "../parts/demo/replay-marker.ts";
import { runBurst } from "../parts/demo/run-burst.ts";
import { type DemoProgress, runDemo } from "../parts/demo/run-demo.ts";
import { readDemoKeys } from "../process/installation.ts";
import { readRunFile } from "../process/run-file.ts";
import { stopSignal } from "../process/signals.ts";
import { contextOf, UserError } from "./context.ts";
import { readCount, readNumber } from "./option-values.ts";

interface DemoFlags {
  readonly url?: string;
  readonly rate?: number;
  readonly seed?: number;
  readonly burst?: number;
}

export function registerDemo(program: Command): void {
  program
    .command("demo")
    .description("send the sample data once, then simulated shop traffic until Ctrl-C")
    .option("--url <url>", "URL of the Weir to send to (default: the one of the data folder)")
    .option("--rate <number>", "simulated events per second, averaged over a day", readNumber)
    .option("--seed <number>", "seed that makes a simulation repeatable", readNumber)
    .option("--burst <count>", "send this many events as fast as possible, then exit", readCount)
    .addHelpText("after", "\nExamples:\n  $ weir demo --rate 50\n  $ weir demo --burst 50000")
    .action(async (flags: DemoFlags, command: Command) => {
      const { config, show } = contextOf(command, {
        "demo.rate": { flag: "--rate", value: flags.rate },
      });
      const url = flags.url ?? readRunFile(config.data_dir)?.url;
      if (url === undefined) {
        throw new UserError(`no Weir is running on ${config.data_dir}`, {
          hint: 'start one with "weir up", or name one with --url',
        });
      }
      const keys = readDemoKeys(config.data_dir);
      const signal = stopSignal();
      const seed = flags.seed === undefined ? {} : { seed: flags.seed };
      if (flags.burst === undefined) {
        const marker = openReplayMarker(join(config.data_dir, "demo.json"), new Date());
        const done = await runDemo({
          ...{ url, keys, signal, rate: config.demo.rate, ...seed },
          // the samples were sent before: an anchor of long ago skips them
          anchor: marker.replayed ? new Date(0) : marker.anchor,
          onProgress: ({ phase }) => {
            if (phase === "live") marker.setReplayed();
          },
        });
        show(done, demoSummary);
        return;
      }
      const ended = await runBurst({
        ...{ url, key: keys["shop-web"], signal, events: flags.burst, ...seed },
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

function demoSummary({ accepted, known, rejected }: DemoProgress): string {
  return `${accepted} accepted, ${known} already stored, ${rejected} rejected`;
}

function showBurst({ accepted }: { accepted: number }): void {
  process.stderr.write(`\r${accepted} accepted`);
}
