/** A relay as a process, a topic that it fills, and what the topic must hold. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { TestContext } from "node:test";
import {
  createTestDatabase,
  createTestFolder,
  type TestDatabase,
} from "../../../../testing/database.ts";
import type { KafkaServer } from "../../../../testing/servers/kafka.ts";
import { until } from "../../../../testing/until.ts";
import { connectionTo, openAdmin, readTopic } from "../../helpers/kafka/connect.ts";
import { type Findings, RelayOracle } from "../../helpers/kafka/relay-oracle.ts";
import { type RelayProcess, startRelay } from "../../helpers/kafka/relay-process.ts";
import { prepareDays } from "../../helpers/raw-log.ts";
import { runCommand } from "../../helpers/weir.ts";

export interface RelayStage {
  readonly database: TestDatabase;
  readonly oracle: RelayOracle;
  readonly topic: string;
  start(main?: string): Promise<RelayProcess>;
  checkpoint(): Promise<void>;
  /** Waits until everything is relayed, and reads the topic. */
  judge(): Promise<Findings>;
}

/** A topic of its own, and a database of its own unless one is given. */
export async function setRelayStage(
  t: TestContext,
  server: KafkaServer,
  given?: TestDatabase,
): Promise<RelayStage> {
  const database = given ?? (await createTestDatabase(t));
  const migrated = await runCommand(["migrate"], {
    WEIR_DATABASE_URL: database.urls.owner,
    WEIR_DATABASE_APP_URL: database.urls.app,
    WEIR_DATABASE_INGEST_URL: database.urls.ingest,
  });
  assert.equal(migrated.exitCode, 0, migrated.output);
  await prepareDays(database);
  const { owner } = database;
  await owner.query({ text: "insert into auth.services (name, role) values ('shop', 'service')" });
  const prefix = `s${process.pid}-${randomUUID().slice(0, 8)}.`;
  const topic = `${prefix}events`;
  const oracle = new RelayOracle(owner);
  const readEnds = async () => {
    const admin = openAdmin(t, connectionTo(server.brokers));
    return (await admin.offsets(topic)).end;
  };
  return {
    ...{ database, oracle, topic },
    start: async (main) =>
      startRelay(t, {
        ...{ database, server, dataDir: await createTestFolder(t) },
        environment: { WEIR_KAFKA_TOPICS_PREFIX: prefix },
        ...(main === undefined ? {} : { main }),
      }),
    checkpoint: () => oracle.checkpoint(readEnds),
    async judge() {
      await until(() => oracle.isRelayed(), { what: "the relay to catch up", timeoutMs: 90_000 });
      return oracle.judge(await readTopic(server, topic));
    },
  };
}

export function assertExact(t: TestContext, findings: Findings): void {
  const { events, duplicates, lost, disordered, phantoms, needless, altered } = findings;
  t.diagnostic(`${events} events, ${duplicates} sent twice`);
  assert.ok(events > 100, `${events} events are too few`);
  assert.deepEqual(
    { lost: lost.length, disordered: disordered.length, phantoms, needless, altered },
    { lost: 0, disordered: 0, phantoms: 0, needless: 0, altered: 0 },
  );
}
