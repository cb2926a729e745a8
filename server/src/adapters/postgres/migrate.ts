import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { DatabaseError } from "../../core/ports/database.ts";
import { retryWithBackoff } from "../../timing/backoff.ts";
import { toDatabaseError } from "./failures.ts";
import {
  applyFunctions,
  describeFailure,
  type FunctionChanges,
  readFunctions,
  type SqlFunction,
} from "./functions.ts";
import { adoptRestored } from "./restored.ts";

/** Contains `migrations/` and `functions/`. */
export const sqlFolder = fileURLToPath(new URL("../../../sql", import.meta.url));

export interface Migration {
  /** `0002_raw.sql` */
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

export interface MigrateOptions {
  /** URL of the owner, the role that creates schemas and roles. */
  readonly url: string;
  /** With `migrations/` and, when there are functions, `functions/<schema>/`; default: Weir's own. */
  readonly folder?: string;
  /** Version of this program; a database whose functions a newer version has applied is refused. */
  readonly version?: string;
  /** How long to wait for a server that is not up yet; default 60 s. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
  readonly log?: (message: string) => void;
}

export interface SqlFiles {
  /** In the order of their numbers. */
  readonly migrations: readonly Migration[];
  readonly functions: readonly SqlFunction[];
}

export async function readSqlFiles(folder = sqlFolder): Promise<SqlFiles> {
  const functions = join(folder, "functions");
  return {
    migrations: await readMigrations(join(folder, "migrations")),
    functions: existsSync(functions) ? await readFunctions(functions) : [],
  };
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const numbers = new Set<string>();
  const migrations: Migration[] = [];
  for (const name of names) {
    const number = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1];
    if (number === undefined)
      throw new Error(`${name} is not named like 0001_what_it_creates.sql.`);
    if (numbers.has(number)) throw new Error(`Two migrations have the number ${number}.`);
    numbers.add(number);
    const sql = await readFile(join(folder, name), "utf8");
    migrations.push({ name, sql, checksum: createHash("sha256").update(sql).digest("hex") });
  }
  return migrations;
}

export interface Migrated {
  /** Names of the migrations that this call applied. */
  readonly migrations: readonly string[];
  readonly functions: FunctionChanges;
  /** The database came from a dump of another cluster; its readers continue where they were. */
  readonly adopted: boolean;
}

/**
 * Applies the migrations that are missing, in the order of their numbers, each in a transaction of
 * its own, then the function files that changed, and adapts a restored dump to its cluster. Several processes may call it at once: one
 * does the work, the others wait. Rejects when an applied migration has changed or is missing, and
 * when a newer Weir has applied functions.
 */
export async function migrate(options: MigrateOptions): Promise<Migrated> {
  const { migrations, functions } = await readSqlFiles(options.folder);
  const client = await connectWhenUp(options);
  try {
    await client.query("select pg_advisory_lock(hashtext('weir.migrate'))");
    const applied = await applyMigrations(client, migrations, options);
    options.signal?.throwIfAborted();
    const changes = await applyFunctions(client, functions, options.version ?? "0");
    if (changes.applied.length > 0) options.log?.(describeApplied(changes.applied));
    for (const name of changes.orphaned) {
      options.log?.(`function ${name} has no file any more: a migration has to drop it`);
    }
    const adopted = await adoptRestored(client);
    if (adopted) options.log?.("adapted the log of a restored dump to this cluster");
    return { migrations: applied, functions: changes, adopted };
  } finally {
    // the lock ends with the session
    await client.end().catch(() => {});
  }
}

function describeApplied(functions: readonly string[]): string {
  const few = functions.length <= 10;
  return few ? `applied ${functions.join(", ")}` : `applied ${functions.length} functions`;
}

async function applyMigrations(
  client: pg.Client,
  migrations: readonly Migration[],
  options: MigrateOptions,
): Promise<string[]> {
  await client.query(
    `create table if not exists public.weir_migrations (
       name text primary key,
       checksum text not null,
       applied_at timestamptz not null default now()
     )`,
  );
  const { rows: applied } = await client.query<{ name: string; checksum: string }>(
    "select name, checksum from public.weir_migrations",
  );
  refuseChanged(migrations, applied);
  const done = new Set(applied.map((row) => row.name));
  const fresh: string[] = [];
  for (const migration of migrations) {
    if (done.has(migration.name)) continue;
    options.signal?.throwIfAborted();
    await apply(client, migration);
    fresh.push(migration.name);
    options.log?.(`applied ${migration.name}`);
  }
  return fresh;
}

function refuseChanged(
  migrations: readonly Migration[],
  applied: readonly { readonly name: string; readonly checksum: string }[],
): void {
  for (const { name, checksum } of applied) {
    const file = migrations.find((migration) => migration.name === name);
    if (file === undefined) {
      throw new Error(
        `Migration ${name} was applied to this database and is unknown here: the database is newer than this Weir.`,
      );
    }
    if (file.checksum !== checksum) {
      throw new Error(
        `Migration ${name} was changed after it was applied. Restore the file and put the change into a new migration.`,
      );
    }
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  try {
    await client.query("begin");
    await client.query(migration.sql);
    await client.query("insert into public.weir_migrations (name, checksum) values ($1, $2)", [
      migration.name,
      migration.checksum,
    ]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw new Error(`Migration ${migration.name} failed${describeFailure(error, migration.sql)}`, {
      cause: error,
    });
  }
}

/** Connects; retries while the server refuses connections or is still starting. */
function connectWhenUp(options: MigrateOptions): Promise<pg.Client> {
  const deadline = performance.now() + (options.waitMs ?? 60_000);
  return retryWithBackoff(() => connect(options), {
    firstMs: 50,
    lastMs: 2_000,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onFailure(error) {
      const isTemporary = error instanceof DatabaseError && error.retryable;
      if (!isTemporary || performance.now() > deadline) return false;
      options.log?.(`PostgreSQL is not up yet: ${error.message}`);
      return true;
    },
  });
}

async function connect({ url, signal }: MigrateOptions): Promise<pg.Client> {
  signal?.throwIfAborted();
  const client = new pg.Client({
    connectionString: url,
    application_name: "weir migrate",
    connectionTimeoutMillis: 5_000,
    lock_timeout: 120_000,
    query_timeout: 600_000,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw toDatabaseError(error);
  }
}
