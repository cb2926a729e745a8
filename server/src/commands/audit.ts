import type { Command } from "commander";
import { type AuditReport, audit } from "../parts/etl/audit.ts";
import { stopSignal } from "../process/signals.ts";
import { exitCodes } from "./context.ts";
import { withDatabase } from "./database-command.ts";
import { withHelp } from "./help.ts";
import { readCount, readInstant } from "./option-values.ts";

interface AuditFlags {
  readonly from?: Date;
  readonly to?: Date;
  readonly sample?: number;
}

export function registerAudit(program: Command): void {
  withHelp(
    program
      .command("audit")
      .description("recompute windows from raw events with independent queries and compare them")
      .option("--from <instant>", "first day, in UTC", readInstant)
      .option("--to <instant>", "end of the range, exclusive", readInstant)
      .option("--sample <days>", "check only this many randomly chosen days", readCount),
    {
      examples: ["weir audit --from 2026-11-01T00:00:00Z --sample 3"],
      notes: "Takes no locks and can run while events arrive.",
      exitCodes: { 3: "a number differs" },
    },
  ).action((flags: AuditFlags, command: Command) =>
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
          ? `${summary.days - summary.skipped} days with ${summary.events} raw events: all windows match.`
          : `${summary.differences} differences. Recompute the windows with: weir windows rerun day <start>`,
      );
      if (summary.differences > 0) process.exitCode = exitCodes.differences;
    }),
  );
}

function line(report: AuditReport): string {
  const day = report.day.toISOString().slice(0, 10);
  if (report.kind === "difference") {
    const { table, label, expected, found } = report;
    return `  ${day}  ${table}  ${label}: ${found ?? "missing"}, expected ${expected ?? "none"}\n`;
  }
  const state =
    report.skipped ?? (report.differences === 0 ? "match" : `${report.differences} differences`);
  return `${day}  ${String(report.events).padStart(9)} events  ${state}  (${report.done}/${report.total})\n`;
}
