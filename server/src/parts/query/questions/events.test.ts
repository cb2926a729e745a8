import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { EventPage, RawEvent } from "@weir/protocol";
import { parse } from "csv-parse/sync";
import { createTestDatabase } from "../../../../../testing/database.ts";
import { clientOf, refusal, textOf } from "../../../../../testing/query-client.ts";
import {
  foldEvents,
  historyEnd,
  historyStart,
  makeHistory,
  now,
  type OracleEvent,
  writeEvents,
} from "../../../../test/oracle/history.ts";
import { uuidOfText } from "../../../core/uuid.ts";
import { type RerunRequest, requestRerun } from "../../etl/reruns.ts";
import { queryRoutes } from "../routes.ts";

const events = makeHistory(2_500, 23);
const newestFirst = [...events].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
const iso = (at: number) => new Date(at).toISOString();
const everything = `from=${iso(historyStart)}&to=${iso(historyEnd)}`;

const database = await createTestDatabase({ after });
await writeEvents(database, events);
await foldEvents(database);
const deps = {
  database: database.app,
  requestRerun: (rerun: RerunRequest) => requestRerun(database.app, rerun),
  now: () => now,
  version: "1.2.3",
  environment: "test",
  retentionDays: 90,
  timeoutMs: 5_000,
  freeFormTimeoutMs: 30_000,
  concurrency: 4,
};
const client = clientOf(queryRoutes(deps));

async function allPages(address: string): Promise<RawEvent[]> {
  const found: RawEvent[] = [];
  let cursor = "";
  for (;;) {
    const page = await client.get<EventPage>(`${address}${cursor}`);
    assert.equal(page.complete, true);
    found.push(...(page.events as RawEvent[]));
    if (page.next_cursor === null) return found;
    cursor = `&cursor=${page.next_cursor}`;
  }
}

const propertiesOf = (event: OracleEvent) => {
  const payload = JSON.parse(event.payload);
  return payload.properties ?? payload.data.properties;
};

test("pages of results contain every matching event once, newest first", async () => {
  const filters: [string, (event: OracleEvent) => boolean][] = [
    ["", () => true],
    ["event_type=purchase", ({ type }) => type === "purchase"],
    ["source=pos&user_id=user-2", ({ service, user }) => service === "pos" && user === "user-2"],
    ["product_id=product-4", ({ products }) => products.some(({ id }) => id === "product-4")],
    ["property.plan=%3Dcmd", (event) => propertiesOf(event).plan === "=cmd"],
    [
      `property.deep.city=${encodeURIComponent("İstanbul")}&property.plan=pro`,
      (event) => propertiesOf(event).plan === "pro" && propertiesOf(event).deep.city !== "Berlin",
    ],
    ["property.number=77", (event) => propertiesOf(event).number === 77],
    ["event_type=never", () => false],
  ];
  for (const [filter, keeps] of filters) {
    const found = await allPages(`/api/events?${everything}&limit=211&${filter}`);
    assert.deepEqual(
      found.map(({ event_id }) => event_id),
      newestFirst.filter(keeps).map(({ id }) => id),
      filter,
    );
  }
});

test("a range in milliseconds is respected, and an event shows what was sent", async () => {
  const from = newestFirst[700]?.at ?? 0;
  const to = newestFirst[600]?.at ?? 0;
  const found = await allPages(`/api/events?from=${iso(from)}&to=${iso(to)}&limit=10`);
  const expected = newestFirst.filter(({ at }) => at >= from && at < to);
  assert.deepEqual(
    found,
    expected.map((event) => ({
      event_id: event.id,
      event_type: event.type,
      source: event.service,
      format: event.format,
      received_at: iso(event.receivedAt),
      occurred_at: iso(event.at),
      user_id: event.user,
      product_id: event.products.length === 1 ? event.products[0]?.id : null,
      payload: JSON.parse(event.payload),
    })),
  );
});

test("the events of one user are found through the sessions, in pages; an unknown user has none", async () => {
  for (const user of ["user-0", "user-7", "user-39"]) {
    const found = await allPages(`/api/users/${user}/events?${everything}&limit=13`);
    assert.deepEqual(
      found.map(({ event_id }) => event_id),
      newestFirst.filter((event) => event.user === user).map(({ id }) => id),
    );
  }
  assert.deepEqual(await allPages(`/api/users/no%2Fbody%20here/events?${everything}`), []);
});

test("an event is found by its id alone, by id and time, and by the id of its sender", async () => {
  for (const event of [newestFirst[0], newestFirst[1_000], newestFirst.at(-1)]) {
    assert.ok(event !== undefined);
    for (const hint of ["", `?at=${iso(event.at)}`, `?source=${event.service}`]) {
      const found: RawEvent = await client.get(`/api/events/${event.id}${hint}`);
      assert.equal(found.event_id, event.id);
    }
    const { body, headers } = await client.reply(`/api/events/${event.id}/raw`);
    assert.deepEqual(body, Buffer.from(event.payload));
    assert.match(headers?.["content-type"] ?? "", /^application\/json/);
  }
  const reference = "order 17/ä";
  await database.owner.query({
    text: `
      with given as (select id from auth.services limit 1), known as (
        insert into raw.identities select $1, id, 0 from given
      )
      insert into raw.events (service_id, format, event_id, event_ref, received_at, occurred_at, event_type, payload)
      select id, 0, $1, $2, $3, $3, 'x', '{"big": 12345678901234567890}' from given`,
    values: [uuidOfText(reference), reference, iso(historyEnd + 5_000)],
  });
  const address = `/api/events/${encodeURIComponent(reference)}`;
  assert.equal((await client.get<RawEvent>(address)).event_id, reference);
  const raw = await client.reply(`${address}/raw`);
  assert.equal(String(raw.body), '{"big": 12345678901234567890}');
});

test("an unknown event, or one of another source, is not found", async () => {
  const [event] = newestFirst;
  const other = event?.service === "web" ? "ios" : "web";
  for (const address of [
    "/api/events/00000000-0000-4000-8000-000000000000",
    "/api/events/whatever/raw",
    `/api/events/${event?.id}?source=${other}`,
  ]) {
    await assert.rejects(client.get(address), refusal("not_found", /no event/));
  }
});

test("an export contains all matching rows and no formulas", async () => {
  const reply = await client.reply(`/api/events?${everything}&format=csv&source=web`);
  assert.equal(reply.headers?.["weir-csv-row-limit"], "100000");
  const rows: Record<string, string>[] = parse(await textOf(reply), {
    columns: true,
    record_delimiter: "\r\n",
  });
  const expected = newestFirst.filter(({ service }) => service === "web");
  assert.deepEqual(
    rows.map(({ event_id }) => event_id),
    expected.map(({ id }) => id),
  );
  assert.deepEqual(
    rows.map(({ payload }) => JSON.parse(payload ?? "")),
    expected.map(({ payload }) => JSON.parse(payload)),
  );
});

test("invalid parameters are refused by name", async () => {
  for (const [query, code, about] of [
    ["event_typ=x", "invalid_query", /event_typ.*\n?.*did you mean "event_type"/s],
    ["limit=5000", "invalid_query", /limit/],
    ["limit=all", "invalid_query", /limit/],
    ["cursor=abc", "unanswerable_query", /cursor.*next_cursor/],
    [
      `cursor=${Buffer.from('["sessions",1,2]').toString("base64url")}`,
      "unanswerable_query",
      /cursor/,
    ],
    ["from=yesterday", "invalid_query", /from.*RFC 3339/],
    ["from=2026-11-08T10:00:00 03:00", "invalid_query", /from.*%2B/],
    ["from=2026-02-30", "invalid_query", /from/],
    ["time_zone=Mars/Base", "unanswerable_query", /time_zone.*IANA/],
    ["property..x=1", "invalid_query", /property/],
    ["from=2026-11-08&to=2026-11-01", "unanswerable_query", /from.*before/],
  ] as const) {
    await assert.rejects(client.get(`/api/events?${query}`), refusal(code, about), query);
  }
  for (const query of ["at=now", "source=", "when=2026-11-01"]) {
    const address = `/api/events/${newestFirst[0]?.id}?${query}`;
    await assert.rejects(client.get(address), refusal("invalid_query", /at|source|when/), query);
  }
  for (const query of ["limit=0", "event_type=x", "cursor=%00"]) {
    const address = `/api/users/user-1/events?${query}`;
    await assert.rejects(client.get(address), refusal("invalid_query", /./), query);
  }
});

test("a search that reaches its time limit says so and continues where it stopped", async () => {
  // Each look at the clock takes 60 ms: a real limit would need a slow machine.
  let clock = 0;
  const hurried = clientOf(queryRoutes({ ...deps, clock: () => (clock += 60) }));
  const found: string[] = [];
  let cursor = "";
  let cut = 0;
  for (;;) {
    const page = await hurried.get<EventPage>(
      `/api/events?${everything}&limit=100&event_type=signup${cursor}`,
    );
    found.push(...page.events.map(({ event_id }) => event_id));
    if (!page.complete) cut++;
    if (page.next_cursor === null) break;
    cursor = `&cursor=${page.next_cursor}`;
  }
  assert.ok(cut > 0, "no page was cut short");
  assert.deepEqual(
    found,
    newestFirst.filter(({ type }) => type === "signup").map(({ id }) => id),
  );
});
