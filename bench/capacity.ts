/**
 * What a load needs, from the measured cost of each part (`bench/capacity/costs.json`):
 *
 *   node bench/capacity.ts --rate 100000 [--batch 100] [--payload 400] [--retention 30] [--users 50000]
 *     [--viewers 10] [--path http|kafka|kafka-first] [--engine builtin|spark] [--replication 3] [--json]
 *   node bench/capacity.ts --check [--rates 1000,5000,10000,20000] [--seconds 60]
 *
 * `--check` runs a real Weir at each rate and compares CPU, memory and disk with the prediction. It exits with 1
 * when the whole CPU differs by more than 35 %: hosts differ by that much. Each rate takes `--seconds` and up to
 * 70 s more, so `--check --seconds 45` ends within eight minutes.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { checkPredictions } from "./capacity/check.ts";
import { type Costs, type Load, type Plan, type Prices, planFor } from "./capacity/model.ts";

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`capacity/${name}`, import.meta.url), "utf8")) as unknown;
const costs = read("costs.json") as Costs;
const prices = read("prices.json") as Prices & { readonly as_of: string };

const { values: flags } = parseArgs({
  options: {
    rate: { type: "string", default: "10000" },
    batch: { type: "string", default: "100" },
    payload: { type: "string", default: "400" },
    retention: { type: "string", default: "30" },
    users: { type: "string", default: "50000" },
    viewers: { type: "string", default: "10" },
    path: { type: "string", default: "http" },
    engine: { type: "string", default: "builtin" },
    replication: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    rates: { type: "string", default: "1000,5000,10000,20000" },
    seconds: { type: "string", default: "60" },
  },
});

const load: Load = {
  rate: positive("rate"),
  batch: positive("batch"),
  payload: positive("payload"),
  retentionDays: positive("retention"),
  users: positive("users"),
  viewers: Number(flags.viewers),
  path: one("path", ["http", "kafka", "kafka-first"]),
  engine: one("engine", ["builtin", "spark"]),
  replication: positive("replication"),
};

if (flags.check) {
  const rates = flags.rates.split(",").map(Number);
  const isRight = await checkPredictions({ rates, seconds: positive("seconds"), costs, load });
  process.exitCode = isRight ? 0 : 1;
} else {
  const plan = planFor(load, { costs, prices });
  console.log(flags.json ? JSON.stringify({ load, ...plan }, undefined, 2) : printed(plan));
}

function positive(name: keyof typeof flags): number {
  const value = Number(flags[name]);
  if (value > 0) return value;
  throw new RangeError(`--${name} must be a number above 0`);
}

function one<const T extends string>(name: "path" | "engine", known: readonly T[]): T {
  const found = known.find((value) => value === flags[name]);
  if (found === undefined) throw new RangeError(`--${name} must be one of ${known.join(", ")}`);
  return found;
}

function printed(plan: Plan): string {
  const { rate, path, engine } = load;
  const parts = plan.parts.map(({ part, microsPerEvent, cores, units, scales, status }) =>
    [
      part.padEnd(28),
      `${microsPerEvent.toFixed(1)} µs`.padStart(9),
      `${cores.toFixed(2)} cores`.padStart(14),
      scales === "postgresql" ? "".padStart(14) : `${units} ${unitOf(scales)}`.padStart(14),
      `  ${status}`,
    ].join(""),
  );
  const first = plan.saturation
    .slice(0, 3)
    .map(({ what, eventsPerSecond }) => `${what} at ${thousands(eventsPerSecond)} events/s`);
  const machines = plan.machines.map(
    ({ role, count, vcpus }) => `${count} x ${vcpus} vCPU ${role}`,
  );
  const cost = Object.entries(plan.monthlyCost)
    .filter(([name, dollars]) => name !== "total" && dollars > 0)
    .map(([name, dollars]) => `${name} ${thousands(dollars)}`);
  return [
    `${thousands(rate)} events/s, path ${path}, engine ${engine}, ${load.retentionDays} days kept`,
    ...parts.map((line) => `  ${line}`),
    `  PostgreSQL ${plan.postgresCores.toFixed(1)} cores on ${plan.shards} shard(s); other parts ${plan.otherCores.toFixed(1)} cores; memory ${plan.memoryGb.toFixed(0)} GB`,
    `  saturates first: ${first.join("; ")} (one shard)`,
    `  partitions ${plan.partitions}; disk ${plan.diskTb.postgresql.toFixed(1)} TB PostgreSQL, ${plan.diskTb.kafka.toFixed(1)} TB Kafka; ${plan.diskWriteMbPerSecond.toFixed(0)} MB/s written`,
    `  machines: ${machines.join(", ")}`,
    `  per month, prices of ${prices.as_of}: $${thousands(plan.monthlyCost["total"] ?? 0)} (${cost.join(", ")})`,
  ].join("\n");
}

function unitOf(scales: string): string {
  if (scales === "single") return "backend(s)";
  return scales === "cluster" ? "core(s)" : "process(es)";
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
