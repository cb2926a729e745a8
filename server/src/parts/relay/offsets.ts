/**
 * Where the acknowledged messages are, to notice when the topic loses them: a broker whose data was wiped, a topic that was
 * deleted, a leader that was behind. Such a topic has another id, or ends before what it once acknowledged.
 */
import type { Queryable } from "../../core/ports/database.ts";
import type { RelayAcknowledgement, TopicEnds } from "./ports.ts";

export interface KnownOffsets {
  readonly topic: string | null;
  readonly topicId: string | null;
  /** By partition, an offset that its end must not be below; 0: none is known. */
  readonly leastEnds: readonly bigint[];
}

export async function readOffsets(database: Queryable): Promise<KnownOffsets> {
  const [row] = await database.query<{
    topic: string | null;
    topic_id: string | null;
    least_ends: readonly string[];
  }>({ text: "select topic, topic_id, least_ends::text[] as least_ends from relay.state" });
  return {
    topic: row?.topic ?? null,
    topicId: row?.topic_id ?? null,
    leastEnds: row?.least_ends.map(BigInt) ?? [],
  };
}

/** In words, what the topic has lost; undefined when nothing, or when it is another topic by configuration. */
export function lossOf(
  known: KnownOffsets,
  topic: string,
  { topicId, end }: TopicEnds,
): string | undefined {
  if (known.topic !== topic) return undefined;
  if (known.topicId !== null && known.topicId !== topicId) {
    return `the topic ${topic} was deleted and created again`;
  }
  const short = known.leastEnds.flatMap((least, partition) =>
    (end.get(partition) ?? 0n) < least ? [partition] : [],
  );
  if (short.length === 0) return undefined;
  return `the topic ${topic} ends before messages that it has acknowledged, in partition ${short.join(", ")}`;
}

/** Grows with each acknowledgement. */
export class Offsets {
  #leastEnds: bigint[];

  constructor(ends: ReadonlyMap<number, bigint>) {
    this.#leastEnds = Array.from(
      { length: ends.size },
      (_, partition) => ends.get(partition) ?? 0n,
    );
  }

  /** For PostgreSQL. */
  get leastEnds(): readonly string[] {
    return this.#leastEnds.map(String);
  }

  /** False when the topic has stored a message before the end that it had. */
  add(acknowledgements: readonly RelayAcknowledgement[]): boolean {
    let isSound = true;
    for (const { partition, offset } of acknowledgements) {
      while (this.#leastEnds.length <= partition) this.#leastEnds.push(0n);
      if (offset < (this.#leastEnds[partition] ?? 0n)) isSound = false;
      this.#leastEnds[partition] = offset + 1n;
    }
    return isSound;
  }
}

/** From now on the topic is known as it is; a loss that was noticed before is kept until a rewind. */
export async function adoptTopic(
  database: Queryable,
  about: {
    readonly epoch: string;
    readonly topic: string;
    readonly topicId: string;
    readonly leastEnds: readonly string[];
    readonly loss: string | undefined;
    readonly differences: readonly string[];
  },
): Promise<boolean> {
  const rows = await database.query({
    text: `update relay.state set topic = $2, topic_id = $3, least_ends = $4::bigint[], differences = $6::text[],
             loss = coalesce($5, loss),
             loss_noticed_at = case when $5::text is null then loss_noticed_at else clock_timestamp() end
           where epoch = $1 returning epoch`,
    values: [
      about.epoch,
      about.topic,
      about.topicId,
      about.leastEnds,
      about.loss ?? null,
      about.differences,
    ],
  });
  return rows.length === 1;
}
