import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { LiveEvent } from "../../core/ports/live-log.ts";
import { Anchor, type SettledPlace } from "./anchor.ts";

const place = (settled: bigint): SettledPlace => ({
  incarnation: "before",
  settled,
  at: Number(settled),
  from: { xmin: settled, xmax: settled, xip: [] },
});

const event = (about: Partial<LiveEvent> = {}): LiveEvent => ({
  xid: 1n,
  eventId: randomUUID(),
  serviceId: 1,
  eventRef: null,
  eventType: "signup",
  source: "shop",
  format: "native",
  receivedAt: "2026-11-30T12:00:00.000000Z",
  occurredAt: "2026-11-30T12:00:00.000000Z",
  userKey: null,
  productKey: null,
  payload: "{}",
  ...about,
});

test("after a crash the feed goes back to the newest place that was on disk, without what was delivered since", () => {
  const anchor = new Anchor();
  anchor.drop(place(10n));
  const [before, between, after] = [event(), event(), event()];
  anchor.delivered(before);
  anchor.follow(place(20n));
  anchor.delivered(between);
  anchor.settle(19n);
  assert.equal(anchor.place?.settled, 10n, "20 is not on disk yet");
  // a place that comes while another one waits is not needed
  anchor.follow(place(30n));
  anchor.settle(25n);
  assert.equal(anchor.place?.settled, 20n);
  anchor.follow(place(40n));
  anchor.delivered(after);

  assert.deepEqual(anchor.goBack("now"), { ...place(20n), incarnation: "now" });
  assert.equal(anchor.isNew(between), false);
  assert.equal(anchor.isNew(after), false);
  assert.equal(anchor.isNew(before), true, "it is older than the place, so it is not read again");
  anchor.settle(100n);
  assert.equal(anchor.place?.settled, 20n, "the place that waited is of the previous incarnation");
});

test("an event that a crash took back and that was sent again is another event", () => {
  const anchor = new Anchor();
  anchor.drop(place(10n));
  const lost = event();
  anchor.delivered(lost);
  anchor.goBack("now");
  assert.equal(anchor.isNew({ ...lost, receivedAt: "2026-11-30T12:00:01.000000Z" }), true);
});

test("too many events since the last place on disk make a crash a gap, until the next place is", () => {
  const anchor = new Anchor();
  anchor.drop(place(10n));
  for (let n = 0; n <= 50_000; n++) anchor.delivered(event());
  assert.equal(anchor.goBack("now"), undefined);
  anchor.follow(place(20n));
  anchor.settle(20n);
  assert.equal(anchor.place?.settled, 20n);
});
