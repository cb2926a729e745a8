import type { Command } from "commander";
import { type AuditReport, audit } from "../parts/etl/audit.ts";
import { stopSignal } from "../process/signals.ts";
import { exitCodes } from "./context.ts";
import { withDatabase } from "./database-command.ts";
import { readInstant } from "./option-values.ts";

interface AuditFlags {
  readonly from?: Date;
  readonly to?: Date;
  readonly sample?: number;
}

export function registerAudit(program: Command): void {
  program
    .command("audit")
    .description("recompute windows from the raw events by independent queries and compare")
    .option("--from <instant>", "first day, in UTC", readInstant)
    .option("--to <instant>", "up to and without this instant", readInstant)
    .option("--sample <days>", "only so many days, drawn by chance", Number)
    .addHelpText(
      "after",
      "\nExits with 3 when a number differs. Safe while events arrive; holds no lock.\nExample:\n  $ weir audit --from 2026-11-01T00:00:00Z --sample 3",
    )
    .action((flags: AuditFlags, command: Command) =>
      withDatabase(command, async ({ database, json, show }) => {
        const summary = { days: 0, skipped: 0, events: 0, differences: 0 };
        const found: AuditReport[] = [];
        for await (const report of audit(database, {
          ...(flags.from === undefined ? {} : { from: flags.from }),
          ...(flags.to === undefined ? {} : { to: flags.to }),
          ...(flags.sample === undefined ? {} : { sampleDays: flags.sample }),
          signal: stopSignal(),
        })) {
          if (report.kind === "difference") found.push(report);
          else {
            summary.days++;
            summary.events += report.events;
            summary.differences += report.differences;
            if (report.skipped !== undefined) summary.skipped++;
          }
          if (!json) process.stdout.write(line(report));
        }
        show({ ...summary, found }, () =>
          summary.differences === 0
            ? `${summary.days - summary.skipped} days, ${summary.events} raw events: every window equals them.`
            : `${summary.differences} differences. Mend them with: weir windows rerun day <start>`,
        );
        if (summary.differences > 0) process.exitCode = exitCodes.differences;
      }),
    );
}

function line(report: AuditReport): string {
  const day = report.day.toISOString().slice(0, 10);
  if (report.kind === "difference") {
    const { table, label, expected, found } = report;
    return `  ${day}  ${table}  ${label}: ${found ?? "missing"}, should be ${expected ?? "absent"}\n`;
  }
  const state =
    report.skipped ?? (report.differences === 0 ? "equal" : `${report.differences} differences`);
  return `${day}  ${String(report.events).padStart(9)} events  ${state}  (${report.done}/${report.total})\n`;
}
