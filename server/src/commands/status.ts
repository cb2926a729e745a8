import type { WindowPage } from "@weir/protocol";
import type { Command } from "commander";
import { readRunFile } from "../process/run-file.ts";
import { contextOf, table } from "./context.ts";
import { runningWeir } from "./running-weir.ts";

interface Health {
  readonly status: string;
  readonly version: string;
  readonly checks: Readonly<Record<string, { status: string; detail?: string; ms?: number }>>;
}

export function registerStatus(program: Command): void {
  program
    .command("status")
    .description("what runs, whether it is well, and how far the windows are")
    .addHelpText("after", "\nExample:\n  $ weir status --json")
    .action(async (_options, command: Command) => {
      const context = contextOf(command);
      const weir = runningWeir(context);
      const health = await weir.ask<Health>("/health");
      const { freshness, worker } = await weir.ask<WindowPage>("/api/windows?size=hour&limit=1");
      const processes = readRunFile(context.config.data_dir)?.pids ?? {};
      context.show({ url: weir.url, health, freshness, worker, processes }, (status) =>
        [
          `Weir ${status.health.version} at ${status.url}: ${status.health.status}`,
          "",
          table(
            ["check", "state", "detail"],
            Object.entries(status.health.checks).map(([name, check]) => [
              name,
              check.status,
              check.detail ?? (check.ms === undefined ? "" : `${check.ms} ms`),
            ]),
          ),
          "",
          `windows: ${status.freshness.lag_ms} ms behind, ${status.freshness.behind_events} events waiting`,
          `processes: ${Object.entries(status.processes)
            .map(([name, pid]) => `${name} ${pid}`)
            .join(", ")}`,
        ].join("\n"),
      );
      if (health.status === "down") process.exitCode = 1;
    });
}
