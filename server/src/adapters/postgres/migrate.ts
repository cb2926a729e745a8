import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { DatabaseError } from "../../core/ports/database.ts";
import { toDatabaseError } from "./failures.ts";

export const migrationsFolder = fileURLToPath(new URL("../../../sql/migrations", import.meta.url));

export interface Migration {
  /** `0002_raw.sql` */
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

export interface MigrateOptions {
  /** Of the owner: the role that makes schemas and roles. */
  readonly url: string;
  readonly folder?: string;
  /** How long to wait for a server that is not up yet; default 60 s. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
  readonly log?: (message: string) => void;
}

export async function readMigrations(folder = migrationsFolder): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const numbers = new Set<string>();
  const migrations: Migration[] = [];
  for (const name of names) {
    const number = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1];
    if (number === undefined) throw new Error(`${name} is not named like 0001_what_it_makes.sql.`);
    if (numbers.has(number)) throw new Error(`Two migrations have the number ${number}.`);
    numbers.add(number);
    const sql = await readFile(join(folder, name), "utf8");
    migrations.push({ name, sql, checksum: createHash("sha256").update(sql).digest("hex") });
  }
  return migrations;
}

/**
 * Applies the migrations that are missing, in the order of their numbers, each in a transaction of
 * its own. Returns the names of those applied. Several processes may call it at once: one works, the
 * others wait. Rejects when a file that was applied has changed or is gone.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const migrations = await readMigrations(options.folder);
  const client = await connectWhenUp(options);
  try {
    await client.query("select pg_advisory_lock(hashtext('weir.migrate'))");
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
  } finally {
    // the lock goes with the session
    await client.end().catch(() => {});
  }
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
    const { message, position } = error as Error & { position?: string };
    const line =
      position === undefined
        ? ""
        : ` (line ${migration.sql.slice(0, Number(position)).split("\n").length})`;
    throw new Error(`Migration ${migration.name} failed${line}: ${message}`, { cause: error });
  }
}

/** Waits with growing pauses while the server refuses connections or is still starting. */
async function connectWhenUp(options: MigrateOptions): Promise<pg.Client> {
  const deadline = Date.now() + (options.waitMs ?? 60_000);
  for (let pause = 50; ; pause = Math.min(pause * 2, 2_000)) {
    options.signal?.throwIfAborted();
    const client = new pg.Client({
      connectionString: options.url,
      application_name: "weir migrate",
      connectionTimeoutMillis: 5_000,
      lock_timeout: 120_000,
      query_timeout: 600_000,
    });
    client.on("error", () => {});
    try {
      await client.connect();
      return client;
    } catch (thrown) {
      await client.end().catch(() => {});
      const error = toDatabaseError(thrown);
      const waitable = error instanceof DatabaseError && error.retryable;
      if (!waitable || Date.now() + pause > deadline) throw error;
      options.log?.(`PostgreSQL is not up yet: ${error.message}`);
      await delay(pause, undefined, { signal: options.signal });
    }
  }
}
