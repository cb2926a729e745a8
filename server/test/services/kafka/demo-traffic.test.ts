/** The generator with a real broker: what its report says is what the topic, and then Weir, has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { until } from "../../../../testing/until.ts";
import type { TrafficReport } from "../../../src/parts/demo/generator/run-generator.ts";
import { runCommand } from "../../helpers/weir.ts";
import { readTopic, startIntake } from "./intake-stage.ts";

const shares = ["--bad", "2%", "--late", "3%", "--duplicates", "2%", "--seed", "7"];
const start = ["--start", "2026-11-30T00:00:00Z"];

test(
  "a burst to Kafka: every message is acknowledged, and Weir stores each good event once",
  await requireServers("kafka"),
  async (t) => {
    const stage = await startIntake(t);
    const environment = {
      WEIR_KAFKA_BROKERS: stage.kafka.brokers.join(","),
      WEIR_KEY: stage.key,
    };
    const send = async (...flags: string[]) => {
      const command = ["--json", "demo", "traffic", "--to", "kafka", "--burst", "-c", "3000"];
      const ended = await runCommand([...command, ...shares, ...start, ...flags], environment);
      assert.equal(ended.exitCode, 0, ended.output);
      return JSON.parse(ended.stdout) as TrafficReport;
    };
    const report = await send("--compression", "lz4");
    const { sent, outcomes } = report;
    assert.deepEqual([outcomes.accepted, outcomes.failed], [3_000, 0]);
    assert.ok(sent.bad > 50 && sent.duplicate > 50 && sent.late > 80, JSON.stringify(sent));
    const letters = async () => (await stage.letters()).length;
    const good = sent.good + sent.late;
    await until(async () => (await stage.count()) >= good && (await letters()) >= sent.bad, {
      what: "all events to be stored or set aside",
      timeoutMs: 60_000,
    });
    assert.equal(await letters(), sent.bad);
    assert.equal(await stage.count(), good);
    // the same seed again: nothing is new
    await send("--compression", "zstd");
    await until(async () => (await letters()) >= 2 * sent.bad, { what: "the second run" });
    assert.equal(await stage.count(), good);
    const [first] = await readTopic(t, stage.kafka.brokers, { topic: "raw_data", count: 1 });
    assert.match(first?.key ?? "", /^user\d+$/);
    assert.equal(first?.headers["content-type"], "application/json");
  },
);
