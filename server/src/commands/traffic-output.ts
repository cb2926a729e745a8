/** What `weir demo traffic` prints while it sends, and at the end. */
import type { TrafficReport } from "../parts/demo/generator/run-generator.ts";

const barWidth = 24;
/** Between two lines when nothing redraws them, such as a log file. */
const plainEveryMs = 5_000;

/** One line that is redrawn on a terminal; elsewhere a line every five seconds. */
export function progressPrinter(out: NodeJS.WriteStream): (report: TrafficReport) => void {
  if (out.isTTY === true) {
    return (report) => {
      const line = `${bar(report)}  ${figures(report)}`;
      out.write(`\r\u001b[2K${line.slice(0, Math.max(20, out.columns - 1))}`);
    };
  }
  let printed = performance.now();
  return (report) => {
    if (performance.now() - printed < plainEveryMs) return;
    printed = performance.now();
    out.write(`${figures(report)}\n`);
  };
}

function bar({ count, outcomes, sent }: TrafficReport): string {
  const share = Math.min(answered(outcomes), total(sent)) / count;
  const full = Math.floor(share * barWidth);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `[${"#".repeat(full)}${" ".repeat(barWidth - full)}] ${percent} %`;
}

function figures(report: TrafficReport): string {
  const { outcomes, count, events_per_second: rate, latency_ms: latency, problem } = report;
  const speed = `${grouped(rate)} events/s, p95 ${latency.p95 ?? "-"} ms`;
  const trouble = problem === null ? "" : `  (${problem})`;
  return `${grouped(answered(outcomes))} of ${grouped(count)}, ${speed}${trouble}`;
}

/** The report for people. @param about.repeat the flags that send the same events again */
export function trafficSummary(
  report: TrafficReport,
  about: { readonly to: string; readonly repeat: string },
): string {
  const { sent, outcomes, seconds, latency_ms: latency } = report;
  const { accepted, duplicate, conflict, rejected, failed, retries } = outcomes;
  const http = { accepted, duplicate, conflict, rejected, failed, retries };
  const kafka = { acknowledged: accepted, failed, retries };
  const speed = `${grouped(report.events_per_second)} events/s, ${report.megabytes_per_second} MB/s`;
  const lines = [
    `${grouped(total(sent))} events to ${about.to} in ${seconds.toFixed(1)} s: ${speed}, requests p50 ${latency.p50 ?? "-"} ms, p95 ${latency.p95 ?? "-"} ms`,
    `  sent     ${counts(sent)}`,
    `  answers  ${counts(about.to === "kafka" ? kafka : http)}`,
    `  again    ${about.repeat}`,
  ];
  if (report.ended !== "complete") {
    const why = report.problem === null ? "" : `: ${report.problem}`;
    lines.push(`  ${report.ended.replace("_", " ")}${why}`);
  }
  return lines.join("\n");
}

function counts(numbers: Readonly<Record<string, number>>): string {
  return Object.entries(numbers)
    .map(([name, value]) => `${name} ${grouped(value)}`)
    .join(", ");
}

function answered(outcomes: TrafficReport["outcomes"]): number {
  const { accepted, duplicate, conflict, rejected } = outcomes;
  return accepted + duplicate + conflict + rejected;
}

function total(sent: TrafficReport["sent"]): number {
  return Object.values(sent).reduce((sum, value) => sum + value, 0);
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
