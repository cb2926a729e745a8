/** CPU of each stage of the accept path before PostgreSQL: `node bench/ingest-stages.ts [--batch 100]`. */
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { contentHash } from "../server/src/core/event/content-hash.ts";
import { readBody } from "../server/src/core/event/element.ts";
import { splitArray } from "../server/src/core/event/json-scan.ts";
import { checkNative } from "../server/src/core/event/native.ts";
import type { EventRecord } from "../server/src/core/event/record.ts";
import type { Database } from "../server/src/core/ports/database.ts";
import { createRawLog } from "../server/src/parts/ingest/raw-log.ts";
import { sampleEvent } from "./load-generator.ts";

const { batch: wanted } = parseArgs({
  options: { batch: { type: "string", default: "100" } },
}).values;
const batch = Number(wanted);
const body = Buffer.from(
  `[${Array.from({ length: batch }, (_, n) => sampleEvent(n * 7, randomUUID())).join(",")}]`,
);
const receipt = { serviceId: 1, now: Date.now(), newId: () => randomUUID() };

const split = splitArray(body, batch);
if (!Array.isArray(split)) throw new Error("the sample is not an array");
const elements = split;
const read = readBody(body);
const texts = elements.map(({ start, end }) => body.toString("utf8", start, end));
const records = elements.map((element) => checkNative(read, element, receipt));
const group = records.filter((one): one is EventRecord => one.kind === "record");
if (group.length !== batch) throw new Error("the sample is not valid");
const answered = { query: async () => [{ verdicts: null }] } as unknown as Database;
const log = createRawLog({ database: answered, timeoutMs: 1_000 });

const stages: readonly [string, () => unknown][] = [
  ["split and scan the bytes", () => splitArray(body, batch)],
  ["UTF-8 check, one string", () => readBody(body)],
  ["JSON.parse alone", () => texts.map((text) => JSON.parse(text))],
  ["content hash", () => elements.map(({ start, end }) => contentHash(body, start, end))],
  [
    "check and facts (with parse and hash)",
    () => elements.map((element) => checkNative(read, element, receipt)),
  ],
  ["sort and encode for PostgreSQL", () => log.append(group)],
];

process.stdout.write(`${(body.length / batch).toFixed(0)} bytes per event, ${batch} per batch\n`);
for (const [name, stage] of stages) {
  const runs = Math.ceil(200_000 / batch);
  for (let n = 0; n < runs; n++) await stage();
  const before = process.cpuUsage();
  for (let n = 0; n < runs; n++) await stage();
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(
    `${name.padEnd(40)}${((user + system) / runs / batch).toFixed(2).padStart(6)} µs/event\n`,
  );
}
process.exit(0);
