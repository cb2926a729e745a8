/** Reads a topic once, without a group. */
import { Consumer } from "@platformatic/kafka";
import { BrokerError } from "../../../core/ports/broker.ts";
import type { Message } from "../../../core/ports/messages.ts";
import { clientOptions, type KafkaConnection } from "../connection.ts";
import { asBrokerError } from "../errors.ts";
import { endsOf, type KafkaClient } from "./offsets.ts";
import { readRecords } from "./records.ts";

const waitMs = 500;
const answerBytes = 1024 * 1024;
const mostEmptyAnswers = 20;

/** All messages of a topic up to its end at the call, partition by partition. @throws BrokerError */
export async function* readTopic(
  connection: KafkaConnection,
  topic: string,
): AsyncGenerator<readonly Message[]> {
  const client: KafkaClient = new Consumer({
    ...clientOptions(connection),
    groupId: "weir-reader",
    retries: 2,
  });
  client.topics.track(topic);
  try {
    const { topics } = await client.metadata({ topics: [topic] });
    const about = topics.get(topic);
    const partitions = about?.partitions ?? [];
    const ends = await endsOf(client, { topic, partitions: partitions.map((_, n) => n) });
    for (const [partition, { earliest, latest }] of ends) {
      const node = partitions[partition]?.leader ?? -1;
      const source = { topic, topicId: about?.id ?? "", partition, node };
      yield* readPartition(client, source, { from: earliest, to: latest });
    }
  } catch (error) {
    throw asBrokerError(error);
  } finally {
    await client.close(true);
  }
}

interface Source {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly node: number;
}

async function* readPartition(
  client: KafkaClient,
  { topic, topicId, partition, node }: Source,
  { from, to }: { readonly from: bigint; readonly to: bigint },
): AsyncGenerator<readonly Message[]> {
  let position = from;
  let empty = 0;
  while (position < to) {
    const { responses } = await client.fetch({
      ...{ node, maxWaitTime: waitMs, minBytes: 1, maxBytes: answerBytes },
      topics: [
        {
          topicId,
          partitions: [
            {
              ...{ partition, fetchOffset: position, partitionMaxBytes: answerBytes },
              ...{ currentLeaderEpoch: -1, lastFetchedEpoch: -1 },
            },
          ],
        },
      ],
    });
    const fetched = responses.flatMap((one) => one.partitions);
    const answer = fetched.find(({ partitionIndex }) => partitionIndex === partition);
    const read =
      answer === undefined
        ? { messages: [], next: position }
        : readRecords(answer, { topic, topicId, from: position });
    empty = read.next === position ? empty + 1 : 0;
    if (empty === mostEmptyAnswers) {
      throw new BrokerError(`${topic} partition ${partition} cannot be read to its end`, {
        code: "unavailable",
      });
    }
    position = read.next;
    const messages = read.messages.filter(({ offset }) => offset < to);
    if (messages.length > 0) yield messages;
  }
}
