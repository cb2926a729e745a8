/**
 * Promise: `weir serve` refuses to start on an installation that lacks anything, and `weir migrate` completes it.
 * Against an external PostgreSQL with passwords, whose administrator is no superuser.
 * With `WEIR_TEST_MIGRATE_KILLS` each missing thing is also refused and served by real processes.
 */
import assert from "node:assert/strict";
import { cp, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createTestFolder } from "../../../testing/database.ts";
import { migrate, sqlFolder } from "../../src/adapters/postgres/migrate.ts";
import { startExternalPostgres } from "../helpers/external-postgres.ts";
import { buildWith } from "../helpers/mutated-build.ts";
import { migrates, problemsOf, ready, refused, serveAll, serves } from "../helpers/preparation.ts";
import { createOwner, installationOf } from "../helpers/production.ts";

const kills = Number(process.env["WEIR_TEST_MIGRATE_KILLS"] ?? 0);

interface Missing {
  readonly what: string;
  /** As the server's superuser. */
  readonly break: readonly string[];
  readonly says: RegExp;
  /** Settings under which the refusal is seen, and repaired. */
  readonly env?: Readonly<Record<string, string>>;
}

const pieces: readonly Missing[] = [
  {
    what: "the role files",
    break: ["delete from auth.roles"],
    says: /roles: no role admin, /,
  },
  {
    what: "one role file",
    break: ["delete from auth.roles where name = 'viewer'"],
    says: /no role .*viewer/,
  },
  {
    what: "the first administrator key",
    break: ["delete from auth.keys"],
    says: /admin key: .*production/,
  },
  {
    what: "the administrator key of another environment",
    break: [],
    env: { WEIR_ENV: "development" },
    says: /admin key: .*development/,
  },
  {
    what: "a right on a table",
    break: ["revoke select on raw.events from weir_app"],
    says: /rights: 1 missing; the first is: grant select on table raw\.events to weir_app/,
  },
  {
    what: "the right to append events",
    break: [
      `do $$ declare f regprocedure; begin
         for f in select p.oid from pg_proc p where p.proname = 'append' loop
           execute format('revoke execute on function %s from weir_ingest', f); end loop; end $$`,
    ],
    says: /rights: 1 missing.*raw\.append/,
  },
  {
    what: "the rights on a schema, and the defaults for later tables",
    break: [
      "revoke usage on schema analytics from weir_app",
      "alter default privileges for role weir_owner in schema analytics revoke select on tables from weir_app",
    ],
    says: /rights: 2 missing/,
  },
  {
    what: "the right to connect",
    break: ["revoke connect on database %database from public, weir_app"],
    says: /WEIR_DATABASE_APP_URL: permission denied for database/,
  },
  {
    what: "the right to read the list of migrations",
    break: ["revoke select on public.weir_migrations from weir_app"],
    says: /rights: permission denied for table weir_migrations/,
  },
  {
    what: "the password of weir_app",
    break: ["alter role weir_app password 'another'"],
    says: /WEIR_DATABASE_APP_URL: password authentication failed/,
  },
  {
    what: "any password of weir_ingest",
    break: ["alter role weir_ingest password null"],
    says: /WEIR_DATABASE_INGEST_URL: password authentication failed/,
  },
  {
    what: "the login of weir_ingest",
    break: ["alter role weir_ingest nologin"],
    says: /WEIR_DATABASE_INGEST_URL: role "weir_ingest" is not permitted to log in/,
  },
  {
    what: "the time limit of weir_ingest",
    break: ["alter role weir_ingest reset transaction_timeout"],
    says: /logins: weir_ingest has no transaction_timeout/,
  },
  {
    what: "the text of a function",
    break: ["update public.weir_functions set checksum = 'old' where name = 'raw.append'"],
    says: /functions: \d+ of \d+ .*raw\.append/,
  },
  {
    what: "a table of the bookkeeping",
    break: ["drop table public.weir_functions"],
    says: /functions: 0 of \d+/,
  },
  {
    what: "the roles of the server, as after a restore elsewhere",
    break: ["drop owned by weir_app, weir_ingest", "drop role weir_app", "drop role weir_ingest"],
    says: /WEIR_DATABASE_APP_URL: password authentication failed/,
  },
];

test("serve refuses an installation that lacks one thing, and migrate completes it", async (t) => {
  const postgres = await startExternalPostgres(t);
  await createOwner(postgres, "half");
  const half = await installationOf(t, postgres, "half");

  await t.test("no login at all", () =>
    refused(half, /WEIR_DATABASE_APP_URL: password authentication failed/),
  );
  await t.test("the first migrate shows the key once and prepares everything", async () => {
    const said = await migrates(half);
    assert.match(said, /Administrator key, shown only now: weir_prod_/);
    assert.doesNotMatch(said, /SCRAM|owner &|app %|in@gest/);
    await serves(half);
    assert.match(await migrates(half), /^(?!.*weir_prod_)/s);
  });
  for (const [place, { what, break: statements, says, env }] of pieces.entries()) {
    await t.test(what, async () => {
      await half.break(...statements.map((text) => text.replace("%database", "half")));
      assert.match(await problemsOf(half, env), says);
      const isWhole = kills > 0 || place % 6 === 0;
      if (isWhole) await refused(half, says, env);
      await migrates(half, env);
      assert.equal(await problemsOf(half, env), "");
      if (isWhole) await serves(half, env);
    });
  }
  await t.test("after all of it everything works", () => serves(half));
});

test("no tables, tables of an older version, and of a newer one", async (t) => {
  const postgres = await startExternalPostgres(t);
  await createOwner(postgres, "first");
  await migrates(await installationOf(t, postgres, "first"));

  await t.test("an empty database", async () => {
    await createOwner(postgres, "empty");
    const empty = await installationOf(t, postgres, "empty");
    await refused(empty, /migrations: 0 of \d+/);
    await refused(empty, /database "none" does not exist/, {
      WEIR_DATABASE_APP_URL: postgres.url("weir_app", "app % it", "none"),
    });
  });
  await t.test("an older version, whose data is kept", async () => {
    await createOwner(postgres, "older");
    const older = await installationOf(t, postgres, "older");
    const folder = await createTestFolder(t);
    await mkdir(join(folder, "migrations"));
    const files = (await readdir(join(sqlFolder, "migrations"))).sort();
    for (const file of files.slice(0, 20)) {
      await cp(join(sqlFolder, "migrations", file), join(folder, "migrations", file));
    }
    await migrate({ url: older.env["WEIR_DATABASE_URL"] ?? "", folder });
    // such a database never granted this
    await refused(older, /permission denied for table weir_migrations/);
    assert.match(await migrates(older), /Applied \d+ migrations/);
    await serves(older);
  });
  await t.test("a newer version: refused by serve and by migrate", async () => {
    const first = await installationOf(t, postgres, "first");
    await first.break("insert into public.weir_migrations values ('9999_later.sql', 'x', now())");
    await refused(first, /it has the migration 9999_later\.sql: the database is newer/);
    const { code, stderr } = await first.weir(["migrate"]);
    assert.deepEqual([code, /newer than this Weir/.test(stderr)], [1, true]);
    await first.break(
      "delete from public.weir_migrations where name = '9999_later.sql'",
      "update public.weir_functions set version = '99.1.0', checksum = 'x' where name = 'etl.step'",
    );
    await refused(first, /Weir 99\.1\.0 applied its function etl\.step: the database is newer/);
  });
});

test("a login that is too weak or too strong is named, with what helps", async (t) => {
  const postgres = await startExternalPostgres(t);
  await createOwner(postgres, "logins");
  const installation = await installationOf(t, postgres, "logins");
  const superuser = (text: string) => postgres.superuser.query({ text });

  await superuser("alter role weir_owner nocreaterole");
  const weak = await installation.weir(["migrate"]);
  assert.equal(weak.code, 1);
  assert.match(weak.stderr, /may not do this: created the role weir_app.*CREATEROLE/);
  assert.match(weak.stderr, /administrator run: create role weir_app login noinherit/);

  // what the message says: the administrator creates the roles, and sets their passwords
  for (const text of [
    "create role weir_app login noinherit password 'app % it'",
    "create role weir_ingest login noinherit password 'in@gest'",
    "alter role weir_ingest set transaction_timeout = '10s'",
    "create role weir_spark login noinherit",
    "alter role weir_spark set idle_in_transaction_session_timeout = '10s'",
    "alter role weir_spark set transaction_timeout = '5min'",
    // it has no URL of its own here
    "grant weir_spark to weir_owner with inherit false, set true",
  ]) {
    await superuser(text);
  }
  await migrates(installation);
  await serves(installation);

  await refused(installation, /login app: WEIR_DATABASE_APP_URL logs in as weir_owner/, {
    WEIR_DATABASE_APP_URL: installation.env["WEIR_DATABASE_URL"] ?? "",
  });
  await superuser("create role other login password 'other' in role weir_app");
  await refused(
    installation,
    /the tables belong to weir_owner, and WEIR_DATABASE_URL logs in as other/,
    {
      WEIR_DATABASE_URL: postgres.url("other", "other", "logins"),
    },
  );
  await superuser("create database foreign_db owner dba");
  const stranger = await installation.weir(["migrate"], {
    env: { WEIR_DATABASE_URL: postgres.url("weir_owner", "owner & co", "foreign_db") },
  });
  assert.equal(stranger.code, 1);
  assert.match(stranger.stderr, /may not create schemas in the database "foreign_db"/);
});

test("control: a serve that does not check starts without roles and rights", async (t) => {
  const postgres = await startExternalPostgres(t);
  await createOwner(postgres, "control");
  const installation = await installationOf(t, postgres, "control");
  await migrates(installation);
  await installation.break("delete from auth.roles", "delete from auth.keys");
  const blind = await buildWith(t, [
    {
      in: "commands/serve.ts",
      from: "if (problems.length === 0) return;",
      to: "if (problems.length >= 0) return;",
    },
  ]);
  const { stdout } = await installation.weir(serveAll, { until: ready, main: blind });
  assert.ok(stdout.includes(ready), "it starts, and no caller has a permission");
  await refused(installation, /roles: /);
});
