import assert from "node:assert/strict";
import { test } from "node:test";
import { lossOf, Offsets } from "./offsets.ts";

const known = { topic: "events", topicId: "a", leastEnds: [5n, 0n] };
const ends = (topicId: string, ...end: bigint[]) => ({ topicId, end: new Map(end.entries()) });

test("a topic that was created again or ends earlier has lost messages", () => {
  assert.equal(lossOf(known, "events", ends("a", 5n, 0n)), undefined);
  assert.equal(lossOf(known, "events", ends("a", 9n, 3n, 7n)), undefined);
  assert.match(lossOf(known, "events", ends("b", 9n, 9n)) ?? "", /created again/);
  assert.match(lossOf(known, "events", ends("a", 4n, 0n)) ?? "", /partition 0$/);
  assert.match(lossOf(known, "events", ends("a")) ?? "", /partition 0$/);
});

test("another topic by configuration, and the first one, have lost nothing", () => {
  assert.equal(lossOf(known, "other", ends("b", 0n)), undefined);
  const none = { topic: null, topicId: null, leastEnds: [] };
  assert.equal(lossOf(none, "events", ends("b", 0n)), undefined);
});

test("an acknowledgement before the known end shows a loss while messages are sent", () => {
  const offsets = new Offsets(new Map([[0, 7n]]));
  assert.equal(offsets.add([{ partition: 0, offset: 7n }]), true);
  assert.equal(offsets.add([{ partition: 2, offset: 0n }]), true);
  assert.deepEqual(offsets.leastEnds, ["8", "0", "1"]);
  assert.equal(offsets.add([{ partition: 0, offset: 7n }]), false);
});
