import type { WindowPage } from "@weir/protocol";
import type { Command } from "commander";
import { readRunFile } from "../process/run-file.ts";
import { contextOf, exitCodes, table } from "./context.ts";
import { withHelp } from "./help.ts";
import { runningWeir } from "./running-weir.ts";

/** A key without common.get.health_details gets the status only. */
interface Health {
  readonly status: string;
  readonly version?: string;
  readonly checks?: Readonly<Record<string, { status: string; detail?: string; ms?: number }>>;
}

interface Status {
  readonly url: string;
  readonly data_dir: string;
  /** The flag, variable or line of weir.yaml that named it, or how it was found. */
  readonly data_from: string;
  readonly health: Health;
  readonly freshness: WindowPage["freshness"];
  readonly worker: WindowPage["worker"];
  readonly processes: Readonly<Record<string, number>>;
}

export function registerStatus(program: Command): void {
  withHelp(
    program
      .command("status")
      .description("show the health, the processes and the lag of the windows"),
    { examples: ["weir status", "weir status --json"], failure: "failure, or Weir is down" },
  ).action(async (_options, command: Command) => {
    const context = contextOf(command);
    const weir = runningWeir(context);
    const health = await weir.get<Health>("/health");
    const { freshness, worker } = await weir.get<WindowPage>("/api/windows?size=hour&limit=1");
    const processes = readRunFile(context.config.data_dir)?.pids ?? {};
    const { data_dir } = context.config;
    const place = { url: weir.url, data_dir, data_from: context.dataFrom };
    context.show({ ...place, health, freshness, worker, processes }, statusText);
    if (health.status === "down") process.exitCode = exitCodes.failed;
  });
}

function checksText(checks: Health["checks"]): string {
  if (checks === undefined) return "The key may not read the checks (common.get.health_details).";
  return table(
    ["check", "state", "detail"],
    Object.entries(checks).map(([name, check]) => [
      name,
      check.status,
      check.detail ?? (check.ms === undefined ? "" : `${check.ms} ms`),
    ]),
  );
}

function statusText(status: Status): string {
  const { url, data_dir, data_from, health, freshness, processes } = status;
  const pids = Object.entries(processes).map(([name, pid]) => `${name} ${pid}`);
  return [
    `Weir ${health.version ?? ""} at ${url}: ${health.status}`.replace("  ", " "),
    `data folder: ${data_dir} (${data_from})`,
    "",
    checksText(health.checks),
    "",
    `windows: ${freshness.lag_ms} ms behind, ${freshness.behind_events} events not counted yet`,
    ...(pids.length === 0 ? [] : [`processes: ${pids.join(", ")}`]),
  ].join("\n");
}
