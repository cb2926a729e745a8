/** Weir with a real Kafka for a benchmark, whose processes can be held back. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { createKafkaAdmin } from "../../server/src/adapters/kafka/admin.ts";
import { openTrafficTopic } from "../../server/src/compose/demo-traffic.ts";
import { kafkaConnection } from "../../server/src/compose/kafka.ts";
import { loadConfig } from "../../server/src/config/load.ts";
import type { Config } from "../../server/src/config/schema.ts";
import type {
  TrafficMessage,
  TrafficProducer,
} from "../../server/src/parts/demo/generator/kafka-target.ts";
import { readRunFile } from "../../server/src/process/run-file.ts";
import { type KafkaServer, startKafka } from "../../testing/servers/kafka.ts";
import { sparkSettings } from "../../testing/servers/spark-settings.ts";
import { type System, start, stop } from "../running-weir.ts";

export interface Stage {
  readonly kafka: KafkaServer;
  readonly system: System;
  readonly config: Config;
  readonly producer: TrafficProducer;
  readonly topic: string;
  /** SIGSTOP to processes of Weir, until `release`. */
  hold(...processes: readonly string[]): void;
  release(...processes: readonly string[]): void;
  /** Events in the raw log. */
  stored(): Promise<number>;
  /** Messages in a topic. */
  messages(topic: string): Promise<number>;
}

/** @param stack closes everything, in reverse order */
export async function openStage(
  stack: AsyncDisposableStack,
  engine: "builtin" | "spark",
): Promise<Stage> {
  const cleanUps: (() => unknown)[] = [];
  stack.defer(async () => {
    for (let work = cleanUps.pop(); work !== undefined; work = cleanUps.pop()) await work();
  });
  const kafka = await startKafka({ after: (work) => void cleanUps.push(work) });
  const folder = await mkdtemp(join(tmpdir(), "weir-bench-"));
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const settings = {
    WEIR_KAFKA_BROKERS: kafka.brokers.join(","),
    // processes that are held back are not hung
    WEIR_SUPERVISOR_HEARTBEAT_TIMEOUT_MS: "600000",
    ...(engine === "spark" ? sparkSettings() : {}),
  };
  Object.assign(process.env, settings);
  const system = await start(folder);
  stack.defer(() => stop(system).then(() => undefined));
  const config = loadConfig({ env: { ...process.env }, cwd: folder });
  const { topic, producer } = await openTrafficTopic(config, {});
  stack.defer(() => producer.close());
  const admin = createKafkaAdmin(kafkaConnection(config));
  stack.defer(() => admin.close());
  const client = new pg.Client({ connectionString: system.run.database_url });
  await client.connect();
  stack.defer(() => client.end());
  const signal = (name: NodeJS.Signals, processes: readonly string[]) => {
    const pids = readRunFile(folder)?.pids ?? {};
    for (const one of processes) {
      const pid = pids[one];
      if (pid === undefined) throw new Error(`Weir has no process ${one}`);
      process.kill(pid, name);
    }
  };
  stack.defer(() => signal("SIGCONT", ["etl", "stream", "relay", "intake"]));
  return {
    ...{ kafka, system, config, producer, topic },
    hold: (...processes) => signal("SIGSTOP", processes),
    release: (...processes) => signal("SIGCONT", processes),
    async stored() {
      const { rows } = await client.query<{ n: number }>(
        "select count(*)::int as n from raw.events",
      );
      return rows[0]?.n ?? 0;
    },
    async messages(name) {
      const { end } = await admin.offsets(name);
      return [...end.values()].reduce((sum, offset) => sum + Number(offset), 0);
    },
  };
}

const typeHeader = Buffer.from("content-type");
const json = Buffer.from("application/json");
const keyHeader = Buffer.from("weir-key");

/** A message for `raw_data`, sent by the administrator. */
export function messageOf(
  stage: Stage,
  event: { readonly user_id?: string | null },
): TrafficMessage {
  return {
    topic: stage.topic,
    key: Buffer.from(String(event.user_id)),
    value: Buffer.from(JSON.stringify(event)),
    headers: new Map([
      [typeHeader, json],
      [keyHeader, Buffer.from(stage.system.key)],
    ]),
  };
}
