/** Where partitions are read from, and commits of where they were read to. */
import { Consumer, ListOffsetTimestamps } from "@platformatic/kafka";
import { clientOptions, type KafkaConnection } from "../connection.ts";

export type KafkaClient = Consumer<Buffer, Buffer, Buffer, Buffer>;
/** The library does not export its name. */
export type FetchResponse = Awaited<ReturnType<KafkaClient["fetch"]>>;

interface Assigned {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** The committed offset of each partition; those without one are missing. */
export async function committedOffsets(
  client: KafkaClient,
  { topic, partitions }: Assigned,
): Promise<ReadonlyMap<number, bigint>> {
  if (partitions.length === 0) return new Map();
  // the library's answer has gaps unless all partitions up to the last one are named
  const all = Array.from({ length: Math.max(...partitions) + 1 }, (_, partition) => partition);
  const found = await client.listCommittedOffsets({ topics: [{ topic, partitions: all }] });
  const offsets = found.get(topic) ?? [];
  return new Map(
    partitions.flatMap((partition) => {
      const offset = offsets[partition];
      return offset === undefined || offset < 0n ? [] : [[partition, offset]];
    }),
  );
}

export interface Ends {
  readonly earliest: bigint;
  readonly latest: bigint;
}

/** The first offset of each partition that can be read, and the one after its last. */
export async function endsOf(
  client: KafkaClient,
  { topic, partitions }: Assigned,
): Promise<ReadonlyMap<number, Ends>> {
  const asked = { topics: [topic], partitions: { [topic]: [...partitions] } };
  const earliest = await client.listOffsets({ ...asked, timestamp: ListOffsetTimestamps.EARLIEST });
  const latest = await client.listOffsets({ ...asked, timestamp: ListOffsetTimestamps.LATEST });
  return new Map(
    partitions.map((partition) => [
      partition,
      {
        earliest: earliest.get(topic)?.[partition] ?? 0n,
        latest: latest.get(topic)?.[partition] ?? 0n,
      },
    ]),
  );
}

/** Commits offsets as one member of one generation of a group, and as no other. */
export interface Committer {
  commit(topic: string, offsets: ReadonlyMap<number, bigint>): Promise<void>;
  close(): Promise<void>;
}

/**
 * A client of its own, which never joins: the library's commit joins the group again when the broker refuses it, and
 * then commits as a member of the new generation, for partitions that another member may have by then.
 */
export function createCommitter(options: {
  readonly connection: KafkaConnection;
  readonly group: string;
  readonly memberId: string;
  readonly generationId: number;
}): Committer {
  const client: KafkaClient = new Consumer({
    ...clientOptions(options.connection),
    groupId: options.group,
    retries: 0,
  });
  client.memberId = options.memberId;
  client.generationId = options.generationId;
  return {
    commit: (topic, offsets) =>
      client.commit({
        offsets: [...offsets].map(([partition, offset]) => ({
          ...{ topic, partition, offset },
          leaderEpoch: -1,
        })),
      }) as Promise<void>,
    close: () => client.close(true) as Promise<void>,
  };
}
