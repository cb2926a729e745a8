import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateOf, requestAs, startErasure } from "../../../test/helpers/erasure.ts";
import { createEventStream, type EventStream } from "../../../test/helpers/event-stream.ts";
import { userHistory } from "../../compose/user-history.ts";
import type { Queryable } from "../../core/ports/database.ts";
import { writeAudit } from "../auth/administration.ts";
import { editDeadLetter } from "../dlq/change-dead-letters.ts";
import { requestReplay } from "../dlq/replays.ts";
import { runStep } from "../etl/step.ts";
import { checkEditedEvent } from "../stream/check-edited-event.ts";

/**
 * Every column that could hold a user: those of a type that holds text or bytes, and those with `user` in their names. A
 * new column fails the test until it is in one of these lists: decide what an erasure does with it first.
 */
const erased: Readonly<Record<string, string>> = {
  "raw.events": "event_id user_key product_key currency event_type event_ref items payload",
  "analytics.users": "key",
  "analytics.facts": "user_id",
  "analytics.key_facts": "user_id",
  "analytics.sessions": "user_id",
  "analytics.user_hours": "user_id",
  "analytics.user_months": "user_id",
  "deliveries.attempts": "error answer",
  "deliveries.deliveries": "event_id event_type user_key order_key body last_error",
  "dlq.letters": "source_key source error original edited user_key",
  "dlq.replays": "filter",
  "engine.staged": "token event_id event_type user_key product_key currency items",
  "auth.audit_log": "detail",
  "stream.users": "point_id key bought items",
  "vectors.points": "payload",
  "erasure.requests": "user_key analytics_user",
};

/** What remains of a user is a hash, or a number without a name. */
const pseudonyms: Readonly<Record<string, string>> = {
  // of the sender's event id: the same event sent again is a duplicate
  "raw.identities": "event_id",
  "raw.identities_before": "event_id",
  "erasure.requests": "user_hash",
  // until the position of the windows shows the event
  "engine.folded": "event_id",
  "erasure.blocks": "user_hash",
  "etl.retired_users": "user_id",
  // the subject of an erasure is the hash
  "auth.audit_log": "subject",
  // marks and tombstones, which are removed by themselves; the id is a hash
  "stream.stale": "point_ids is_user",
  "vectors.points": "id vector",
  // counters
  "analytics.window_totals": "users",
  // by the hash of the text of an event
  "stream.embeddings": "content_hash vector",
};

/** Names of services and operators, products, settings, states. */
const noUser: Readonly<Record<string, string>> = {
  "analytics.currencies": "code",
  "analytics.event_types": "name",
  "analytics.products": "key name category",
  "auth.audit_log": "actor action",
  "auth.extra_permissions": "permission",
  "auth.keys": "id env secret_hash label",
  "auth.revoked_permissions": "permission",
  "auth.roles": "name description permissions source",
  "auth.services": "name role",
  "auth.sessions": "token_hash key_id csrf_token",
  "auth.signin_links": "token_hash key_id",
  "clock.machines": "boot",
  "clock.state": "kind",
  "deliveries.deliveries": "subscription_id state replay_id",
  "deliveries.replays": "id subscription_id reader state requested_by end_incarnation",
  "deliveries.secrets": "subscription_id secret",
  "deliveries.state": "owner",
  "deliveries.subscriptions":
    "id name url event_types sources filter projection order_by state state_reason start_incarnation reader created_by",
  "dlq.letters": "id part reason content_type state replay_id",
  "dlq.replays": "id requested_by state problem",
  "engine.reruns": "state requested_by owner supervisor error",
  "engine.runs": "owner checkpoint report",
  "engine.state": "engine configured changed_by supervisor",
  "erasure.blocks": "request_id",
  "erasure.hours": "request_id",
  "erasure.requests": "id state stage requested_by error after_request",
  "etl.event_type_actions": "name",
  "etl.leases": "reader owner",
  "etl.window_runs": "size state requested_by error",
  "log.current_incarnation": "id cluster",
  "log.incarnations": "id cluster",
  "log.pages": "owner reader",
  "log.readers": "name",
  "public.weir_functions": "name checksum version",
  "public.weir_migrations": "name checksum",
  "relay.state": "owner topic topic_id loss differences",
  "stream.embeddings": "model_id",
  "stream.leases": "name owner",
  "stream.products":
    "point_id key name description category currency content_hash folded words counts",
  "telemetry.processes": "name metrics",
  "vectors.aliases": "alias",
  "vectors.collections": "name payload_indexes",
  "vectors.model_collections": "model_id purpose",
  "vectors.model_files": "file_id bytes",
  "vectors.models": "id kind settings state error file_id",
  "vectors.sync_state": "store name position incarnation",
};

const marker = "Marker-7f3a9c-Zeynep";
const options = { database: (stream: EventStream) => stream.database.app, actor: "operator" };

test("an erasure knows every column that can hold a user, and none holds the user afterwards", async (t) => {
  const stream = await createEventStream(t, { refuse: (text) => text.includes("unembeddable") });
  const { owner, app } = stream.database;
  const columns = await readColumns(owner);
  const known = new Set([erased, pseudonyms, noUser].flatMap(namesOf));
  assert.deepEqual(
    columns.filter(({ name }) => !known.has(name)).map(({ name }) => name),
    [],
    "columns that an erasure does not know: see the lists above",
  );
  const present = new Set(columns.map(({ name }) => name));
  assert.deepEqual(
    [...known].filter((name) => !present.has(name)),
    [],
    "columns that are gone",
  );

  await leaveTraces(stream);
  const traced = await mentioning(owner, columns);
  const places = [
    "raw.events.payload",
    "analytics.users.key",
    "dlq.letters.edited",
    "dlq.replays.filter",
    "engine.staged.user_key",
    "deliveries.deliveries.body",
    "deliveries.attempts.answer",
  ];
  for (const place of [
    ...places,
    "auth.audit_log.detail",
    "stream.users.key",
    "vectors.points.payload",
  ]) {
    assert.ok(
      traced.includes(place),
      `the user has left a trace in ${place}: ${traced.join(", ")}`,
    );
  }
  const surprises = traced.filter((name) => !new Set(namesOf(erased)).has(name));
  assert.deepEqual(surprises, [], "traces in columns that an erasure does not touch");

  const history = userHistory(() => ({ view: 1, cart: 3, purchase: 5, halfLifeMs: 86_400_000 }));
  startErasure(t, stream.database, history);
  const { id } = await requestAs(stream.database, marker, "block");
  const certificate = await certificateOf(stream.database, id);
  assert.deepEqual(await mentioning(owner, columns), []);
  assert.equal(certificate.erased.raw_events, 4);
  assert.equal(certificate.erased.dead_letters, 1);
  const [numbers] = await app.query<Record<string, number>>({
    text: `select (select count(*)::int from analytics.facts f where not exists (select from analytics.users u where u.id = f.user_id)) as facts,
             (select count(*)::int from analytics.sessions f where not exists (select from analytics.users u where u.id = f.user_id)) as sessions,
             (select count(*)::int from analytics.user_hours f where not exists (select from analytics.users u where u.id = f.user_id)) as hours,
             (select count(*)::int from analytics.user_months f where not exists (select from analytics.users u where u.id = f.user_id)) as months,
             (select count(*)::int from analytics.key_facts f where not exists (select from analytics.users u where u.id = f.user_id)) as keys`,
  });
  assert.deepEqual(numbers, { facts: 0, sessions: 0, hours: 0, months: 0, keys: 0 });
});

/** The user in raw events, windows, points, dead letters, edits, searches and the audit log. */
async function leaveTraces(stream: EventStream): Promise<void> {
  const app = options.database(stream);
  stream.start({ days: 30 });
  const product = { id: "p1", name: "Brass lamp", price: 5, currency: "EUR" };
  const mine = { user_id: marker, properties: { email: `${marker}@example.org` } };
  await stream.send([
    { event_type: "product.view", ...mine, product },
    { event_type: "cart.add", ...mine, product },
    { event_type: "purchase", ...mine, product },
    { event_type: "product.view", ...mine, product: { id: "p2", name: "unembeddable thing" } },
    {
      event_type: "product.view",
      user_id: "another",
      product: { id: "p3", name: "another unembeddable thing" },
    },
  ]);
  await stream.settled();
  while ((await runStep(app, { epoch: 0, maxEvents: 1_000 })).more);
  const change = { database: app, actor: options.actor, audit: writeAudit };
  const letters = await app.query<{ id: string; user_key: string }>({
    text: "select id, user_key from dlq.letters",
  });
  assert.deepEqual(letters.map(({ user_key: user }) => user).sort(), [marker, "another"].sort());
  for (const { id } of letters) {
    const edited = { event_type: "product.view", user_id: marker, product: { id: "p4" } };
    await editDeadLetter(change, {
      id,
      bytes: Buffer.from(JSON.stringify(edited)),
      validators: { stream: checkEditedEvent },
    });
  }
  await requestReplay(change, { text: `${marker}@example.org` });
  await requestReplay(change, { text: marker, reason: "none" });
  await app.query({
    text: `insert into engine.staged (token, xid, event_id, service_id, occurred_at, event_type, user_key)
           select gen_random_uuid(), xid, event_id, service_id, occurred_at, event_type, user_key
           from raw.events where user_key = $1`,
    values: [marker],
  });
  await app.query({
    text: `with delivered as (
             insert into deliveries.deliveries (subscription_id, service_id, event_id, event_type, user_key, order_key, body, bytes)
             select gen_random_uuid(), service_id, event_id, event_type, user_key, user_key, payload, 1
             from raw.events where user_key = $1 returning id)
           insert into deliveries.attempts (delivery_id, number, at, latency_ms, answer) select id, 1, now(), 1, $1 from delivered`,
    values: [marker],
  });
}

interface Column {
  /** `schema.table.column` */
  readonly name: string;
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

async function readColumns(database: Queryable): Promise<readonly Column[]> {
  return database.query<Column>({
    text: `select format('%s.%s.%s', c.table_schema, c.table_name, c.column_name) as name,
             format('%I.%I', c.table_schema, c.table_name) as table, c.column_name as column, c.udt_name as type
           from information_schema.columns c
           join information_schema.tables t using (table_schema, table_name)
           where t.table_type = 'BASE TABLE' and c.table_schema not in ('pg_catalog', 'information_schema')
             and c.table_schema not like 'pg\\_temp%' and c.table_schema not like 'pg\\_toast%'
             -- days are those of their table
             and not (c.table_schema = 'raw' and c.table_name ~ '^events_\\d{8}$')
             and not (c.table_schema = 'analytics' and c.table_name ~ '^facts_(\\d{8}|default)$')
             and (c.column_name ~ 'user' or c.udt_name ~ '^_?(text|varchar|bpchar|char|name|json|jsonb|xml|bytea|uuid|tsvector|hstore|citext|permission_pattern)$')
           order by 1`,
  });
}

/** Names of columns in which the marker appears. */
async function mentioning(
  database: Queryable,
  columns: readonly Column[],
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { name, table, column, type } of columns) {
    const contains =
      type === "bytea"
        ? `position(convert_to($1, 'UTF8') in "${column}") > 0`
        : `strpos(lower("${column}"::text), lower($1)) > 0`;
    const rows = await database.query({
      text: `select from ${table} where ${contains} limit 1`,
      values: [marker],
    });
    if (rows.length > 0) found.push(name);
  }
  return found;
}

function namesOf(lists: Readonly<Record<string, string>>): string[] {
  return Object.entries(lists).flatMap(([table, columns]) =>
    columns.split(" ").map((column) => `${table}.${column}`),
  );
}
