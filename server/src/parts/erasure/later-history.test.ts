import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateOf, requestAs, startErasure } from "../../../test/helpers/erasure.ts";
import { createEventStream } from "../../../test/helpers/event-stream.ts";
import { userHistory } from "../../compose/user-history.ts";

test("with allow, what the stream has made of later events is that of a new user", async (t) => {
  const stream = await createEventStream(t, { refuse: (text) => text.includes("unembeddable") });
  const { database } = stream;
  stream.start({ days: 30 });
  const user = "returning";
  const event = (id: string, about: object) => ({
    event_id: id,
    event_type: "product.view",
    timestamp: new Date(Date.now() - 3_600_000).toISOString(),
    user_id: user,
    ...about,
  });
  const lamp = { product: { id: "lamp", name: "Brass lamp" } };
  const mug = { product: { id: "mug", name: "Red mug" } };
  const odd = (n: number) => ({ product: { id: `odd-${n}`, name: `unembeddable ${n}` } });
  await stream.send([event("early-1", lamp), event("early-2", mug), event("early-3", odd(1))]);
  await stream.settled();

  const { id } = await requestAs(database, user, "allow");
  const timestamp = new Date(Date.now() - 1_000).toISOString();
  const later = { ...mug, timestamp };
  await stream.send([
    event("later-1", later),
    event("later-2", { ...odd(2), timestamp }),
    event("twin-1", { ...later, user_id: "twin" }),
  ]);
  await stream.settled();
  startErasure(
    t,
    database,
    userHistory(() => ({ view: 1, cart: 3, purchase: 5, halfLifeMs: 14 * 86_400_000 })),
  );
  const certificate = await certificateOf(database, id);
  await stream.settled();

  assert.deepEqual(certificate.erased, {
    ...{ raw_events: 3, dead_letters: 1, analytics_rows: 0 },
    points: 2,
  });
  const [mine, twin] = await database.app.query<{ key: string }>({
    text: "select key, events, encode(items, 'hex') as items, bought, last_seen from stream.users order by key",
  });
  assert.deepEqual({ ...mine, key: "" }, { ...twin, key: "" });
  assert.equal(mine?.key, user);
  const points = (await stream.points()).map(({ payload }) => payload["event_id"]);
  assert.deepEqual(points, ["later-1", "twin-1"]);
  const letters = await database.app.query<{ event: string }>({
    text: "select convert_from(original, 'UTF8')::json ->> 'event_id' as event from dlq.letters",
  });
  assert.deepEqual(letters, [{ event: "later-2" }]);
});
