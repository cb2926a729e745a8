import { join } from "node:path";
import type { Command } from "commander";
import { writeFileAtomically } from "../adapters/files/atomic-file.ts";
import { demoResume, openDemoState } from "../parts/demo/demo-state.ts";
import { type DemoOptions, type DemoProgress, runDemo } from "../parts/demo/run-demo.ts";
import { readDemoKeys } from "../process/installation.ts";
import { readRunFile } from "../process/run-file.ts";
import { stopSignal } from "../process/signals.ts";
import { type CommandContext, contextOf, UserError } from "./context.ts";
import { registerDemoTraffic } from "./demo-traffic.ts";
import { refuseUnknownCommands, withHelp } from "./help.ts";
import { readNumber } from "./option-values.ts";

interface DemoFlags {
  readonly url?: string;
  readonly rate?: number;
  readonly seed?: number;
}

export function registerDemo(program: Command): void {
  const demo = program.command("demo");
  withHelp(
    demo
      .description("send the history of the demo shop once, and its traffic until Ctrl-C")
      .option("--url <url>", "URL of the Weir to send to (default: the one of the data folder)")
      .option("--rate <number>", "simulated events per second, averaged over a day", readNumber)
      .option("--seed <number>", "seed that makes a simulation repeatable", readNumber),
    { examples: ["weir demo --rate 50", "weir demo traffic -c 50000 --burst"] },
  ).action(async (flags: DemoFlags, command: Command) => {
    const context = contextOf(command, { "demo.rate": { flag: "--rate", value: flags.rate } });
    const { data_dir: dataDir } = context.config;
    const url = flags.url ?? readRunFile(dataDir)?.url;
    if (url === undefined) {
      throw new UserError(`no Weir is running on ${dataDir}`, {
        hint: 'start one with "weir up", or name one with --url',
      });
    }
    const seed = flags.seed === undefined ? {} : { seed: flags.seed };
    const target = { url, keys: readDemoKeys(dataDir), signal: stopSignal(), ...seed };
    await sendShop(context, target);
  });
  registerDemoTraffic(demo);
  refuseUnknownCommands(demo);
}

type Target = Pick<DemoOptions, "url" | "keys" | "signal" | "seed">;

async function sendShop({ config, show }: CommandContext, target: Target): Promise<void> {
  const file = openDemoState(join(config.data_dir, "demo.json"), {
    now: new Date(),
    write: writeFileAtomically,
  });
  const done = await runDemo({
    ...target,
    rate: config.demo.rate,
    ...demoResume(file, {
      historyDays: config.demo.history_days,
      keptDays: config.retention.raw_days,
    }),
  });
  show(done, demoSummary);
}

function demoSummary({ accepted, known, rejected }: DemoProgress): string {
  return `${accepted} accepted, ${known} already stored, ${rejected} rejected`;
}
