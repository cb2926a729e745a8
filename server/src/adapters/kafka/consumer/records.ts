/** The messages of a fetched partition. */

import type { Message, MessageHeader } from "../../../core/ports/messages.ts";
import type { FetchResponse } from "./offsets.ts";

type FetchedPartition = FetchResponse["responses"][number]["partitions"][number];
type Batch = NonNullable<FetchedPartition["records"]>[number];

export interface Fetched {
  readonly messages: readonly Message[];
  /** The next offset to fetch; also after what is no message (control records, aborted transactions). */
  readonly next: bigint;
  readonly bytes: number;
}

const isControl = 0x20;
const isTransactional = 0x10;

/** @param from the offset that was fetched: a batch may begin before it */
export function readRecords(
  fetched: FetchedPartition,
  place: { readonly topic: string; readonly topicId: string; readonly from: bigint },
): Fetched {
  const { topic, topicId, from } = place;
  const partition = fetched.partitionIndex;
  const messages: Message[] = [];
  let next = from;
  let bytes = 0;
  for (const batch of withoutAborted(fetched)) {
    const end = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    if (end > next) next = end;
    if (batch.records === undefined) continue;
    for (const record of batch.records) {
      const offset = batch.firstOffset + BigInt(record.offsetDelta);
      if (offset < from) continue;
      const message = {
        ...{ topic, topicId, partition, offset },
        timestamp: Number(batch.firstTimestamp + record.timestampDelta),
        key: record.key ?? null,
        value: record.value ?? null,
        headers: record.headers as unknown as readonly MessageHeader[],
      };
      messages.push(message);
      bytes += messageBytes(message);
    }
  }
  return { messages, next, bytes };
}

/** With what an object of its size costs. */
export function messageBytes({ key, value, headers }: Message): number {
  let bytes = 200 + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, text] of headers) bytes += 50 + name.length + (text?.length ?? 0);
  return bytes;
}

interface ReadBatch extends Omit<Batch, "records"> {
  /** Undefined when none of them is a message. */
  readonly records: Batch["records"] | undefined;
}

/**
 * Leaves out the records of aborted transactions. The library does so only when the marker that ends the transaction is in
 * the same answer, and for one transaction of a producer.
 */
function* withoutAborted({ records, abortedTransactions }: FetchedPartition): Generator<ReadBatch> {
  const aborted = [...(abortedTransactions ?? [])].sort((a, b) =>
    a.firstOffset < b.firstOffset ? -1 : 1,
  );
  const open = new Set<bigint>();
  for (const batch of records ?? []) {
    const end = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    while (aborted[0] !== undefined && aborted[0].firstOffset <= end) {
      open.add((aborted.shift() as (typeof aborted)[number]).producerId);
    }
    if ((batch.attributes & isControl) !== 0) {
      if (isAbort(batch)) open.delete(batch.producerId);
      yield { ...batch, records: undefined };
    } else if ((batch.attributes & isTransactional) !== 0 && open.has(batch.producerId)) {
      yield { ...batch, records: undefined };
    } else yield batch;
  }
}

/** A control record's key is its version and its type: 0 aborts, 1 commits. */
function isAbort(batch: Batch): boolean {
  const key = batch.records[0]?.key;
  return key !== undefined && key !== null && key.length >= 4 && key.readInt16BE(2) === 0;
}
