import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startWeirIngest, weirKey } from "../../test/helpers/weir-ingest.ts";
import { openWeirDelivery } from "./weir-delivery.ts";

const weir = await startWeirIngest({ after });
const event = (id: string) => ({
  event_id: id,
  event_type: "purchase",
  timestamp: "2026-01-01T10:00:00Z",
});

test("events that are sent again are stored once, and one that Weir rejects is named", async () => {
  await using delivery = openWeirDelivery({ url: weir.url, key: weirKey, timeoutMs: 30_000 });
  const sent = [event("a"), { ...event("b"), event_type: "" }, event("c")];
  for (let n = 0; n < 2; n++) {
    const refused = await delivery.send(sent);
    assert.deepEqual(
      refused.map(({ index }) => index),
      [1],
    );
    assert.match(refused[0]?.reason ?? "", /^rejected: .*event_type/);
  }
  const conflict = await delivery.send([{ ...event("a"), user_id: "another" }]);
  assert.match(conflict[0]?.reason ?? "", /^conflict/);
  assert.equal((await weir.events()).length, 2);
});

test("a wrong key and a Weir that is down reject, and the same events can be sent later", async () => {
  for (const [url, key] of [
    [weir.url, "wrong"],
    ["http://127.0.0.1:1", weirKey],
  ] as const) {
    await using delivery = openWeirDelivery({ url, key, timeoutMs: 30_000 });
    for (let n = 0; n < 2; n++) await assert.rejects(delivery.send([event("d"), event("e")]));
  }
  await using delivery = openWeirDelivery({ url: weir.url, key: weirKey, timeoutMs: 30_000 });
  assert.deepEqual(await delivery.send([event("d"), event("e")]), []);
});
