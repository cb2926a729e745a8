import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { DatabaseUnavailableError, databaseFailure } from "./database-failures.ts";
import type { Logger } from "./logger.ts";

export interface MigrateOptions {
  readonly url: string;
  /** A folder with `NNNN_what_it_creates.sql`. */
  readonly folder: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/** `shop/sql/<name>` */
export function sqlFolder(name: string): string {
  return fileURLToPath(new URL(`../../sql/${name}`, import.meta.url));
}

/**
 * Applies the migrations that are missing, each in a transaction of its own. Waits for a database that is
 * down until the signal is aborted. Several processes may call it at once: one works, the others wait.
 * Rejects when an applied migration has changed or has no file.
 */
export async function migrate(options: MigrateOptions): Promise<readonly string[]> {
  const migrations = await readMigrations(options.folder);
  const client = await connectWhenUp(options);
  try {
    await client.query("select pg_advisory_lock(hashtext('shop.migrate'))");
    await client.query(
      `create table if not exists shop_migrations (
         name text primary key,
         checksum text not null,
         applied_at timestamptz not null default now()
       )`,
    );
    const { rows } = await client.query<{ name: string; checksum: string }>(
      "select name, checksum from shop_migrations",
    );
    refuseChanged(migrations, rows);
    const done = new Set(rows.map(({ name }) => name));
    const missing = migrations.filter(({ name }) => !done.has(name));
    for (const migration of missing) {
      options.signal.throwIfAborted();
      await apply(client, migration);
      options.logger.info({ migration: migration.name }, "migration applied");
    }
    return missing.map(({ name }) => name);
  } finally {
    // the lock ends with the session
    await client.end().catch(() => {});
  }
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    names.map(async (name) => {
      if (!/^\d{4}_[a-z0-9_]+\.sql$/.test(name)) {
        throw new Error(`${join(folder, name)} is not named like 0001_what_it_creates.sql.`);
      }
      const sql = await readFile(join(folder, name), "utf8");
      return { name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

function refuseChanged(
  migrations: readonly Migration[],
  applied: readonly { readonly name: string; readonly checksum: string }[],
): void {
  for (const { name, checksum } of applied) {
    const file = migrations.find((migration) => migration.name === name);
    if (file === undefined) {
      throw new Error(
        `Migration ${name} was applied to this database and has no file: the database is newer than this program.`,
      );
    }
    if (file.checksum !== checksum) {
      throw new Error(
        `Migration ${name} has changed since it was applied. Restore it, and put the change into a new file.`,
      );
    }
  }
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  await client.query("begin");
  try {
    await client.query(sql);
    await client.query("insert into shop_migrations (name, checksum) values ($1, $2)", [
      name,
      checksum,
    ]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {});
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Migration ${name} failed: ${reason}`, { cause: error });
  }
}

async function connectWhenUp({ url, logger, signal }: MigrateOptions): Promise<pg.Client> {
  for (let attempt = 0; ; attempt += 1) {
    signal.throwIfAborted();
    const client = new pg.Client({
      connectionString: url,
      application_name: "shop migrate",
      connectionTimeoutMillis: 3_000,
      keepAlive: true,
    });
    // an error after the connection is reported by the query that fails
    client.on("error", () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      const failure = databaseFailure(error);
      if (!(failure instanceof DatabaseUnavailableError)) throw failure;
      const level = attempt % 10 === 0 ? "warn" : "debug";
      logger[level]({ reason: failure.message }, "waiting for the database");
    }
    await delay(Math.min(100 * 2 ** attempt, 2_000), undefined, { signal });
  }
}
