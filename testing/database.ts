import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from "../server/src/adapters/postgres/embedded.ts";
import { withDatabase, withRole } from "../server/src/adapters/postgres/location.ts";
import { migrate, readSqlFiles } from "../server/src/adapters/postgres/migrate.ts";
import { openPool, type Pool, type PoolOptions } from "../server/src/adapters/postgres/pool.ts";
import { joinSharedCluster } from "./database-cluster.ts";

/** A `TestContext`, or `{ after }` of node:test for a database that a whole file shares. */
export interface CleanUp {
  after(work: () => void | Promise<void>): void;
}

export interface TestDatabase {
  readonly name: string;
  /** `postgresql://` URLs for child processes and for pools of the code under test. */
  readonly urls: { readonly owner: string; readonly app: string; readonly ingest: string };
  /** Open at first use; closed by the clean-up. */
  readonly owner: Pool;
  readonly app: Pool;
  readonly ingest: Pool;
}

/**
 * A migrated database of its own, in a server shared by all tests (without fsync). Dropped after the
 * test; the test fails when a connection to it is left open.
 */
export async function createTestDatabase(t: CleanUp): Promise<TestDatabase> {
  const cluster = await joinSharedCluster();
  const template = await ensureTemplate(cluster.url);
  const name = `test_${process.pid}_${randomBytes(4).toString("hex")}`;
  cluster.announce(name);
  await onServer(cluster.url, (client) =>
    client.query(`create database ${name} template ${template}`),
  );
  const database = openRoles(withDatabase(cluster.url, name), name);
  atTheEnd(t, async () => {
    await closeRoles(database);
    const leaked = await leakedConnections(cluster.url, name);
    await onServer(cluster.url, (client) =>
      client.query(`drop database if exists ${name} with (force)`),
    );
    if (leaked.length > 0) {
      throw new Error(
        `Connections were left open: ${leaked.join(", ")}. Close the pool in t.after.`,
      );
    }
  });
  return database;
}

export interface TestServer extends TestDatabase {
  readonly dataDir: string;
  /** URLs of the current PostgreSQL. */
  readonly pid: number;
  /** SIGKILL to the server; resolves when it is dead. Its children may run a moment longer. */
  kill9(): Promise<void>;
  /** Starts it again after `kill9`, or stops and starts it; returns the milliseconds until it accepts queries. */
  restart(): Promise<number>;
  stop(): Promise<void>;
}

/** A private, durable PostgreSQL with a migrated database, for tests that kill it. */
export async function startTestServer(
  t: CleanUp,
  options: { readonly durable?: boolean; readonly extra?: Record<string, string> } = {},
): Promise<TestServer> {
  const dataDir = await createTestFolder(t);
  const start = (): Promise<EmbeddedPostgres> =>
    startEmbeddedPostgres({
      dataDir,
      durable: options.durable !== false,
      extra: { shared_buffers: "128MB", ...options.extra },
    });
  let server = await start();
  await migrate({ url: server.url });
  const database = openRoles(server.url, "weir");
  atTheEnd(t, async () => {
    await closeRoles(database);
    await server.stop();
  });
  return {
    ...database,
    dataDir,
    get pid() {
      return server.pid;
    },
    async kill9() {
      process.kill(server.pid, "SIGKILL");
      await server.exited;
    },
    async restart() {
      await server.stop();
      const started = performance.now();
      server = await start();
      return performance.now() - started;
    },
    stop: () => server.stop(),
  };
}

/** An empty folder, removed after the test; the user that PostgreSQL runs as can enter it. */
export async function createTestFolder(t: CleanUp): Promise<string> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), "weir-test-"));
  await chmod(folder, 0o711);
  // processes that are ending may still write their compile cache
  const retries = { maxRetries: 10, retryDelay: 100 };
  atTheEnd(t, () => rm(folder, { recursive: true, force: true, ...retries }));
  return folder;
}

/**
 * Hooks run in the order of registration; clean-up has to run in reverse. A hook registered
 * by a hook runs after all others.
 */
function atTheEnd(t: CleanUp, work: () => Promise<void>): void {
  let waiting = pending.get(t);
  if (waiting === undefined) {
    const list: (() => Promise<void>)[] = [];
    pending.set(t, list);
    waiting = list;
    t.after(() => {
      t.after(async () => {
        for (const next of list.reverse()) await next();
      });
    });
  }
  waiting.push(work);
}

const pending = new WeakMap<CleanUp, (() => Promise<void>)[]>();

function openRoles(url: string, name: string): TestDatabase {
  const urls = {
    owner: url,
    app: withRole(url, "weir_app"),
    ingest: withRole(url, "weir_ingest"),
  };
  const open = (options: Pick<PoolOptions, "url" | "applicationName">): Pool =>
    openPool({ ...options, max: 4, connectTimeoutMs: 10_000 });
  return {
    name,
    urls,
    owner: open({ url: urls.owner, applicationName: "test owner" }),
    app: open({ url: urls.app, applicationName: "test app" }),
    ingest: open({ url: urls.ingest, applicationName: "test ingest" }),
  };
}

async function closeRoles(database: TestDatabase): Promise<void> {
  await Promise.all([database.owner.close(), database.app.close(), database.ingest.close()]);
}

/** A closed connection takes a moment to disappear from the list. */
async function leakedConnections(url: string, name: string): Promise<string[]> {
  const deadline = Date.now() + 2_000;
  for (;;) {
    const { rows } = await onServer(url, (client) =>
      client.query<{ name: string }>(
        `select coalesce(nullif(application_name, ''), backend_type) as name from pg_stat_activity
         where datname = $1 and backend_type = 'client backend'`,
        [name],
      ),
    );
    if (rows.length === 0 || Date.now() > deadline) return rows.map((row) => row.name);
    await delay(20);
  }
}

/** One template for each version of the SQL files; created once, by the first process that needs it. */
async function ensureTemplate(url: string): Promise<string> {
  const hash = createHash("sha256");
  const { migrations, functions } = await readSqlFiles();
  for (const file of [...migrations, ...functions]) hash.update(file.name + file.checksum);
  const name = `template_${hash.digest("hex").slice(0, 16)}`;
  await onServer(url, async (client) => {
    const isThere = async (): Promise<boolean> => {
      const found = await client.query("select from pg_database where datname = $1", [name]);
      return found.rowCount === 1;
    };
    if (await isThere()) return;
    await client.query("select pg_advisory_lock(hashtext('weir test template'))");
    if (await isThere()) return;
    await client.query(`drop database if exists ${name}_new with (force)`);
    await client.query(`create database ${name}_new`);
    await migrate({ url: withDatabase(url, `${name}_new`) });
    await client.query(`alter database ${name}_new rename to ${name}`);
  });
  return name;
}

async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: withDatabase(url, "postgres"),
    application_name: "test helper",
    connectionTimeoutMillis: 10_000,
    query_timeout: 60_000,
  });
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
