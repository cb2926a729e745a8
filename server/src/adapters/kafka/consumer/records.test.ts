import assert from "node:assert/strict";
import { test } from "node:test";
import { readRecords } from "./records.ts";

type Fetched = Parameters<typeof readRecords>[0];
type Batch = NonNullable<Fetched["records"]>[number];

const transactional = 0x10;
const control = 0x20;

function batch(
  firstOffset: bigint,
  values: readonly string[],
  about: { readonly producer?: bigint; readonly attributes?: number; readonly last?: number } = {},
): Batch {
  const records = values.map((value, n) => ({
    offsetDelta: n,
    timestampDelta: BigInt(n),
    key: Buffer.from(`k${n}`),
    value: Buffer.from(value),
    headers: [[Buffer.from("h"), Buffer.from("1")]],
  }));
  return {
    firstOffset,
    lastOffsetDelta: about.last ?? values.length - 1,
    firstTimestamp: 1_000n,
    attributes: about.attributes ?? 0,
    producerId: about.producer ?? -1n,
    records,
  } as unknown as Batch;
}

function marker(offset: bigint, producer: bigint, type: "abort" | "commit"): Batch {
  const key = Buffer.from([0, 0, 0, type === "abort" ? 0 : 1]);
  const attributes = transactional | control;
  return {
    ...batch(offset, [""], { producer, attributes }),
    records: [{ offsetDelta: 0, timestampDelta: 0n, key, value: null, headers: [] }],
  } as unknown as Batch;
}

function read(
  records: Batch[],
  from: bigint,
  aborted: readonly (readonly [bigint, bigint])[] = [],
) {
  const abortedTransactions = aborted.map(([producerId, firstOffset]) => ({
    producerId,
    firstOffset,
  }));
  const fetched = { partitionIndex: 3, records, abortedTransactions } as unknown as Fetched;
  const found = readRecords(fetched, { topic: "t", topicId: "id", from });
  return { ...found, values: found.messages.map(({ value }) => String(value)) };
}

test("messages before the fetched offset are left out, and the next offset follows the last batch", () => {
  const found = read([batch(10n, ["a", "b", "c"]), batch(13n, ["d"], { last: 6 })], 11n);
  assert.deepEqual(found.values, ["b", "c", "d"]);
  assert.equal(found.next, 20n);
  assert.deepEqual(
    found.messages.map(({ offset, partition, timestamp }) => [offset, partition, timestamp]),
    [
      [11n, 3, 1_001],
      [12n, 3, 1_002],
      [13n, 3, 1_000],
    ],
  );
  assert.ok(found.bytes > 3 * 200);
});

test("an empty answer changes nothing", () => {
  assert.deepEqual(read([], 7n), { messages: [], next: 7n, bytes: 0, values: [] });
});

test("aborted transactions are left out, also when their marker is in a later answer", () => {
  const attributes = transactional;
  const mixed = [
    batch(0n, ["no1"], { producer: 1n, attributes }),
    batch(1n, ["yes1"], { producer: 2n, attributes }),
    marker(2n, 1n, "abort"),
    batch(3n, ["yes2"], { producer: 1n, attributes }),
    marker(4n, 1n, "commit"),
    batch(5n, ["no2"], { producer: 1n, attributes }),
  ];
  const found = read(mixed, 0n, [
    [1n, 5n],
    [1n, 0n],
  ]);
  assert.deepEqual(found.values, ["yes1", "yes2"]);
  assert.equal(found.next, 6n, "offsets of what is left out are passed");
});
