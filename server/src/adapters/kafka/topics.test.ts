/** Brokers show a change later than they answer it: the topic is reported as it is once they do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BrokerError } from "../../core/ports/broker.ts";
import type { KafkaAdmin, TopicState } from "./admin.ts";
import { ensureTopic, type TopicSettings } from "./topics.ts";

const settings: TopicSettings = {
  ...{ name: "events", partitions: 3, replication: 1, minInsyncReplicas: 1 },
  ...{ retentionMs: 1_000, maxMessageBytes: 1_000 },
};

/** Shows every change after `late` more questions, and asks callers to come back for one of them. */
function lateBroker(before: Partial<TopicState> | undefined, late: number): KafkaAdmin {
  const { name: _, ...state } = settings;
  let shown: TopicState | undefined = before && { id: "a", ...state, ...before };
  let real = shown;
  let questions = 0;
  const change = async (to: Partial<TopicState>) => {
    real = { id: "a", ...state, ...real, ...to };
    questions = late;
  };
  return {
    ping: async () => ({ clusterId: "c", brokers: 1 }),
    async describe() {
      if (--questions < 0) shown = real;
      if (questions === 1) throw new BrokerError("no leader", { code: "unavailable" });
      return shown;
    },
    create: ({ partitions }) => change({ partitions }),
    addPartitions: (_topic, partitions) => change({ partitions }),
    setConfig: (_topic, configs) => change({ retentionMs: Number(configs["retention.ms"]) }),
    offsets: async () => ({ topicId: "a", end: new Map() }),
    close: async () => {},
  };
}

test("a new topic that is not visible yet is waited for", async () => {
  const report = await ensureTopic(lateBroker(undefined, 4), settings, {
    create: true,
    fix: false,
  });
  assert.deepEqual([report.created, report.state.partitions, report.differences], [true, 3, []]);
});

test("changes that are not visible yet are waited for", async () => {
  const admin = lateBroker({ partitions: 1, retentionMs: 500 }, 4);
  const { fixed, state, differences } = await ensureTopic(admin, settings, {
    ...{ create: false, fix: true },
  });
  assert.equal(fixed.length, 2);
  assert.deepEqual([state.partitions, state.retentionMs], [3, 1_000]);
  assert.deepEqual(differences, []);
});
