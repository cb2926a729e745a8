import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { until } from "../../../testing/until.ts";
import { startWeir } from "../helpers/weir.ts";

const at = "2026-01-15T10:30:00.000Z";
const events = [
  {
    event_id: "view-1",
    event_type: "product.view",
    timestamp: at,
    user_id: "u1",
    product: { id: "lamp", name: "Reading lamp of brass", category: "Light", price: 60 },
  },
  {
    event_id: "ticket-1",
    event_type: "ticket.opened",
    timestamp: "2026-02-01T00:00:00.000Z",
    user_id: "u2",
    properties: { reason: "The parcel came too late" },
  },
];

/** Weir as one key sees it. */
interface Sender {
  readonly url: string;
  readonly key: string;
}

async function post(sender: Sender, path: string, body: unknown) {
  const response = await fetch(`${sender.url}${path}`, {
    method: "POST",
    headers: { "x-api-key": sender.key, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers of several forms
  return { status: response.status, body: (await response.json()) as any };
}

const search = (sender: Sender, question: object) => post(sender, "/api/events/search", question);

const on = { environment: { WEIR_STREAM_EVENTS_COLLECTION: "true" } };

/** The search, as soon as it answers and finds so many. */
function untilFound(weir: Sender, question: object, count: number) {
  let last: unknown;
  return until(
    async () => {
      const answer = await search(weir, question);
      last = answer;
      const isFilled = answer.body.source?.index.state === "ready";
      return answer.status === 200 && isFilled && answer.body.results.length === count
        ? answer.body
        : undefined;
    },
    { what: () => `${count} events to be found: ${JSON.stringify(last)}` },
  );
}

/** A key that may search products, and not events. */
async function storefrontKey(weir: Sender): Promise<string> {
  const made = await post(weir, "/api/services", { name: "pages", role: "storefront" });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const key = await post(weir, "/api/keys", { service: "pages" });
  assert.equal(key.status, 201, JSON.stringify(key.body));
  return key.body.secret_key;
}

test("what is sent is found by what it means, once the collection is switched on, and not after", async (t) => {
  const dataDir = await createTestFolder(t);
  const before = await startWeir(t, { dataDir });
  const without = { url: before.run.url, key: before.adminKey };
  const sent = await post(without, "/api/events/batch", [events[0]]);
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  const off = await until(
    async () => {
      const answer = await search(without, { text: "lamp" });
      return answer.status === 404 ? answer.body : undefined;
    },
    { what: "the answer that it is off" },
  );
  assert.match(off.detail, /set stream\.events_collection to true in weir\.yaml/);
  await before.stop();

  const { run, adminKey } = await startWeir(t, { dataDir, ...on });
  const weir = { url: run.url, key: adminKey };
  const [filled] = (await untilFound(weir, { text: "reding lamp" }, 1)).results;
  assert.equal(filled.event_id, "view-1", "what was sent while it was off");
  const late = await post(weir, "/api/events/batch", [events[1], events[0]]);
  assert.deepEqual(
    late.body.results.map((result: { verdict: string }) => result.verdict),
    ["accepted", "duplicate"],
  );
  const found = await untilFound(weir, { text: "parcel too late" }, 2);
  const { score, received_at: receivedAt, source, ...about } = found.results[0];
  assert.deepEqual(about, {
    event_id: "ticket-1",
    event_type: "ticket.opened",
    user_id: "u2",
    product_ids: [],
    categories: [],
    occurred_at: events[1]?.timestamp,
  });
  assert.ok(score > 0.5 && Date.parse(receivedAt) > 0 && typeof source === "string");
  assert.equal(found.source.model.kind, "random-projection");
  assert.match(found.source.index.collection, /^events_/);

  const ids = async (filter: object) => {
    const { body } = await search(weir, { text: "lamp parcel", filter });
    return body.results?.map((result: { event_id: string }) => result.event_id) ?? body.detail;
  };
  assert.deepEqual(await ids({ event_type: ["ticket.opened"] }), ["ticket-1"]);
  assert.deepEqual(await ids({ category: ["Light"] }), ["view-1"]);
  assert.deepEqual(await ids({ product_id: ["lamp"] }), ["view-1"]);
  assert.deepEqual(await ids({ user_id: "u2" }), ["ticket-1"]);
  assert.deepEqual(await ids({ source: ["nobody"] }), []);
  assert.deepEqual(await ids({ from: at, to: "2026-02-01T01:00:00+01:00" }), ["view-1"]);
  assert.deepEqual(await ids({ from: "2026-01-15T12:30:00.001+02:00" }), ["ticket-1"]);
  assert.match(
    await ids({ from: "yesterday" }),
    /\/filter\/from: must be an RFC 3339 instant with offset/,
  );
  assert.match(await ids({ from: at, to: at }), /must be before/);
  assert.equal((await search(weir, { text: "" })).status, 422);
  const refused = await search({ ...weir, key: await storefrontKey(weir) }, { text: "lamp" });
  assert.equal(refused.status, 403);
  assert.match(refused.body.detail, /search\.post\.event_search/);
});
