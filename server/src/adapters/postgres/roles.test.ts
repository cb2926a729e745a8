import assert from "node:assert/strict";
import { test } from "node:test";
import {
  createTestDatabase,
  createTestFolder,
  type TestDatabase,
} from "../../../../testing/database.ts";
import { type Database, DatabaseError } from "../../core/ports/database.ts";
import { startEmbeddedPostgres } from "./embedded.ts";
import { withDatabase, withRole } from "./location.ts";
import { migrate } from "./migrate.ts";
import { openPool } from "./pool.ts";
import { setRolePasswords } from "./role-passwords.ts";

const tables = `
  select format('%I.%I', n.nspname, c.relname) as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('auth', 'raw', 'etl', 'analytics') and c.relkind in ('r', 'p', 'v', 'm')
  order by 1`;

async function denied(database: Database, text: string): Promise<void> {
  await assert.rejects(
    database.query({ text }),
    (error) => error instanceof DatabaseError && error.code === "42501",
    `allowed: ${text}`,
  );
}

/** Also the partitions that are created while Weir runs. */
async function withPartition(database: TestDatabase): Promise<void> {
  await database.owner.query({ text: "select raw.ensure_partition(date '2024-01-15')" });
}

test("weir_ingest can neither read nor change any table, partitions included", async (t) => {
  const database = await createTestDatabase(t);
  await withPartition(database);
  const found = await database.owner.query<{ name: string }>({ text: tables });
  assert.ok(found.length > 20, `only ${found.length} tables`);
  for (const { name } of found) {
    await denied(database.ingest, `select from ${name}`);
    await denied(database.ingest, `insert into ${name} default values`);
    await denied(database.ingest, `delete from ${name}`);
    await denied(database.ingest, `truncate ${name}`);
  }
  const any = await database.owner.query({
    text: `select a.attrelid::regclass::text || '.' || a.attname as column from pg_attribute a
           join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
           where n.nspname in ('auth', 'raw', 'etl', 'analytics') and a.attnum > 0
             and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm')
             and has_column_privilege('weir_ingest', c.oid, a.attnum, 'select, insert, update, references')`,
  });
  assert.deepEqual(any, []);
});

test("weir_ingest may execute the functions that append events, and nothing else", async (t) => {
  const database = await createTestDatabase(t);
  const allowed = await database.owner.query<{ name: string }>({
    text: `select distinct format('%s.%s', n.nspname, p.proname) as name
           from pg_proc p join pg_namespace n on n.oid = p.pronamespace
           where n.nspname in ('auth', 'raw', 'etl', 'analytics')
             and has_function_privilege('weir_ingest', p.oid, 'execute') order by 1`,
  });
  assert.deepEqual(
    allowed.map(({ name }) => name),
    ["raw.append", "raw.append_new", "raw.prepare_days"],
  );
  await denied(database.ingest, "create table raw.mine (id int)");
  await denied(database.ingest, "create table public.mine (id int)");
  await denied(database.ingest, "select * from pg_authid");
});

test("only the owner can change or delete a raw event", async (t) => {
  const database = await createTestDatabase(t);
  await withPartition(database);
  const able = await database.owner.query({
    text: `select r.rolname, c.relname from pg_roles r, pg_class c
           where c.relnamespace = 'raw'::regnamespace and c.relkind in ('r', 'p') and not r.rolsuper
             and r.rolname <> 'pg_write_all_data' and r.oid <> c.relowner
             and has_table_privilege(r.oid, c.oid, 'insert, update, delete, truncate')`,
  });
  assert.deepEqual(able, []);
  await denied(database.app, "update raw.events set payload = ''");
  await denied(database.app, "delete from raw.events_20240115");
  await denied(database.app, "insert into raw.identities values (gen_random_uuid(), 1, 1)");
  await denied(database.app, "select raw.drop_partitions(now())");
});

test("only the owner is a superuser or creates roles, and no role belongs to another", async (t) => {
  const database = await createTestDatabase(t);
  const roles = await database.owner.query({
    text: `select rolname as name, rolcanlogin as login,
                  rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls as strong,
                  (select count(*)::int from pg_auth_members m where m.member = r.oid) as memberships
           from pg_roles r where rolname like 'weir\\_%' order by 1`,
  });
  assert.deepEqual(roles, [
    { name: "weir_app", login: true, strong: false, memberships: 0 },
    { name: "weir_ingest", login: true, strong: false, memberships: 0 },
    { name: "weir_spark", login: true, strong: false, memberships: 0 },
  ]);
});

test("weir_app reads the log, writes analytics, and cannot rewrite the audit log", async (t) => {
  const database = await createTestDatabase(t);
  await withPartition(database);
  assert.deepEqual(await database.app.query({ text: "select from raw.events" }), []);
  await database.app.query({ text: "insert into analytics.currencies (code) values ('TRY')" });
  await database.app.query({
    text: "insert into auth.audit_log (actor, action, subject) values ('a', 'b', 'c')",
  });
  await denied(database.app, "update auth.audit_log set actor = 'another'");
  await denied(database.app, "delete from auth.audit_log");
});

test("tables and functions of later migrations get the same rights", async (t) => {
  const { owner, app, ingest } = await createTestDatabase(t);
  await owner.query({ text: "create table analytics.later (id int generated always as identity)" });
  await owner.query({ text: "create table raw.later (id int)" });
  await owner.query({
    text: "create function etl.later() returns int language sql as $$ select 1 $$",
  });
  await app.query({ text: "insert into analytics.later default values" });
  assert.deepEqual(await app.query({ text: "select id from analytics.later" }), [{ id: 1 }]);
  assert.deepEqual(await app.query({ text: "select etl.later() as one" }), [{ one: 1 }]);
  await denied(app, "insert into raw.later values (1)");
  await denied(ingest, "select * from raw.later");
  await denied(ingest, "select etl.later()");
});

test("an owner that is not a superuser can migrate, act as both roles, and set their passwords", async (t) => {
  const dataDir = await createTestFolder(t);
  const server = await startEmbeddedPostgres({ dataDir, durable: false });
  t.after(() => server.stop());
  await using admin = openPool({ url: server.url, applicationName: "admin", max: 1 });
  await admin.query({ text: "create role plain login createrole" });
  await admin.query({ text: "create database plain owner plain" });
  const url = withDatabase(withRole(server.url, "plain"), "plain");
  assert.ok((await migrate({ url })).functions.applied.length > 60);
  const acting = new URL(url);
  acting.searchParams.set("options", "-c role=weir_app");
  await using app = openPool({
    url: acting.href,
    applicationName: "acting",
    settings: { enable_seqscan: "off" },
  });
  const [row] = await app.query<{ who: string; seqscan: string }>({
    text: "select current_user as who, current_setting('enable_seqscan') as seqscan",
  });
  assert.deepEqual(row, { who: "weir_app", seqscan: "off" });
  await denied(app, "delete from raw.events");
  await using owner = openPool({ url, applicationName: "owner" });
  await setRolePasswords(owner, { weir_app: "first secret", weir_ingest: "second secret" });
  const stored = await admin.query<{ verifier: string }>({
    text: "select rolpassword as verifier from pg_authid where rolname in ('weir_app', 'weir_ingest')",
  });
  for (const { verifier } of stored) assert.match(verifier, /^SCRAM-SHA-256\$4096:/);
});

test("a write of weir_ingest is limited in time", async (t) => {
  const { ingest } = await createTestDatabase(t);
  const [row] = await ingest.query<{ limit: string }>({
    text: "select current_setting('transaction_timeout') as limit",
  });
  assert.equal(row?.limit, "10s");
});
