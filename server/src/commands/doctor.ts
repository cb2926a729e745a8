import type { Command } from "commander";
import { memoryNeededMiB } from "../compose/processes.ts";
import { configuredUrls } from "../process/databases.ts";
import { examineDatabase } from "../process/examine-database.ts";
import { examineMachine, type Finding } from "../process/examine-machine.ts";
import { type RunFile, readRunFile } from "../process/run-file.ts";
import { contextOf, exitCodes } from "./context.ts";
import { withHelp } from "./help.ts";

export function registerDoctor(program: Command): void {
  withHelp(
    program.command("doctor").description("check this machine and installation for problems"),
    { examples: ["weir doctor"], failure: "a check failed" },
  ).action(async (_options, command: Command) => {
    const { config, show } = contextOf(command);
    const running = readRunFile(config.data_dir);
    const findings = [
      ...(await examineMachine(config, {
        neededMiB: memoryNeededMiB(config),
        runningUrl: running?.url,
      })),
      ...(await examineDatabase(config, configuredUrls(config) ?? urlsOf(running))),
    ];
    show(findings, (rows) => rows.map(line).join("\n"));
    if (findings.some(({ ok }) => !ok)) process.exitCode = exitCodes.failed;
  });
}

/** The embedded database, as the running Weir's owner of it. */
function urlsOf(running: RunFile | undefined) {
  return running === undefined ? undefined : { owner: running.database_url };
}

function line({ check, ok, detail, fix }: Finding): string {
  const result = `${ok ? "ok  " : "FAIL"} ${check.padEnd(12)} ${detail}`;
  return fix === undefined || ok ? result : `${result}\n     ${" ".repeat(12)} -> ${fix}`;
}
