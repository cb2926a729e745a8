import pg from "pg";
import { databaseFailure } from "./database-failures.ts";
import type { Logger } from "./logger.ts";

export interface Queryable {
  /** Rows of one statement. `numeric` and `bigint` are strings, `timestamptz` is a `Date`. */
  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]>;
}

export interface Database extends Queryable {
  /** Commits when `work` resolves, rolls back when it rejects. `work` uses only the given connection. */
  transaction<T>(work: (connection: Queryable) => Promise<T>): Promise<T>;
  readonly counts: { readonly total: number; readonly idle: number; readonly waiting: number };
  /** Waits for running statements. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface DatabaseOptions {
  readonly url: string;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  readonly logger: Logger;
  /** Maximum number of connections; default 8. */
  readonly connections?: number;
  /** For a new connection, and for a free one when all are in use; default 3 s. */
  readonly connectTimeoutMs?: number;
  /** For each statement; default 5 s. */
  readonly statementTimeoutMs?: number;
}

/** How much longer than the server's limit the client waits, for a server that does not answer at all. */
const answerGraceMs = 1_000;

/**
 * A pool that connects at first use and survives a restart of PostgreSQL: a broken connection is replaced.
 * A database that is down or does not answer is a `DatabaseUnavailableError`; others are the driver's errors.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? 5_000;
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.connections ?? 8,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 3_000,
    idleTimeoutMillis: 60_000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + answerGraceMs,
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
  });
  pool.on("error", (error) =>
    options.logger.warn({ error: error.message }, "a database connection broke"),
  );
  // without a listener, a connection that breaks while in use ends the process
  pool.on("connect", (client) => client.on("error", () => {}));

  async function lend<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    let client: pg.PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      throw databaseFailure(error);
    }
    let broken = true;
    try {
      const result = await work(client);
      broken = false;
      return result;
    } catch (error) {
      // after an answer of the server the connection is in a known state; otherwise it is not reusable
      broken = !(error instanceof pg.DatabaseError) && isOfDriver(error);
      throw databaseFailure(error);
    } finally {
      client.release(broken);
    }
  }

  let closing: Promise<void> | undefined;
  return {
    query: (text, values) => lend((client) => run(client, text, values)),
    transaction: (work) => lend((client) => inTransaction(client, work)),
    get counts() {
      return { total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount };
    },
    close() {
      closing ??= pool.end();
      return closing;
    },
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
}

/** Errors of the driver and of sockets are marked by `run`; those of the caller's `work` are not. */
const ofDriver = new WeakSet<object>();

function isOfDriver(error: unknown): boolean {
  return typeof error === "object" && error !== null && ofDriver.has(error);
}

async function run<Row>(
  client: pg.PoolClient,
  text: string,
  values: readonly unknown[] | undefined,
): Promise<Row[]> {
  try {
    const { rows } = await client.query(text, values === undefined ? undefined : [...values]);
    return rows as Row[];
  } catch (error) {
    if (typeof error === "object" && error !== null) ofDriver.add(error);
    throw error;
  }
}

async function inTransaction<T>(
  client: pg.PoolClient,
  work: (connection: Queryable) => Promise<T>,
): Promise<T> {
  await run(client, "begin", undefined);
  let result: T;
  try {
    result = await work({ query: (text, values) => run(client, text, values) });
  } catch (error) {
    // on a broken connection the server rolls back by itself
    if (!isOfDriver(error) || error instanceof pg.DatabaseError)
      await run(client, "rollback", undefined);
    throw error;
  }
  await run(client, "commit", undefined);
  return result;
}
