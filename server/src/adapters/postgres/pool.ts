import pg from "pg";
import type { Database, Queryable, QueryOptions, Statement } from "../../core/ports/database.ts";
import { Connection, type QueryObserver } from "./connection.ts";
import { toDatabaseError } from "./failures.ts";
import type { OutageWatch } from "./outage.ts";

export interface PoolOptions {
  /** `postgresql://role:password@host:port/database`, or with `?host=<socket folder>`. */
  readonly url: string;
  /** For servers reached by TCP; certificates are always checked. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Shown in `pg_stat_activity`: the part's name. */
  readonly applicationName: string;
  /** Maximum number of connections; default 10. */
  readonly max?: number;
  /** For a new connection, and for a free one when all are busy; default 5 s. */
  readonly connectTimeoutMs?: number;
  /** For each statement without a limit of its own; default 30 s. */
  readonly statementTimeoutMs?: number;
  /** Settings of every session, e.g. `{ enable_seqscan: "off" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Called after every statement: for metrics. */
  readonly onQuery?: QueryObserver;
  /** Called when an idle connection breaks; the pool replaces it. */
  readonly onIdleError?: (error: Error) => void;
  /** Notified of every outcome. */
  readonly outage?: Pick<OutageWatch, "succeeded" | "failed" | "obstacle">;
}

export interface Pool extends Database {
  /** Current connections: total, idle, and callers waiting for one. */
  readonly counts: { readonly total: number; readonly idle: number; readonly waiting: number };
  /** Waits at most 5 s for running statements, then cancels the rest. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const closePatienceMs = 5_000;

/**
 * Opens a pool; connects at first use. `int8` and `numeric` are returned as strings, `timestamptz` as
 * `Date` (milliseconds: format it in SQL where microseconds matter), `date` and `timestamp` as
 * strings, `bytea` as Buffer, `json` and `jsonb` parsed. All failures are `DatabaseError`s, except
 * that an aborted statement rejects with its signal's reason.
 */
export function openPool(options: PoolOptions): Pool {
  const statementTimeoutMs = options.statementTimeoutMs ?? 30_000;
  const config = clientConfig(options, statementTimeoutMs);
  const pool = new pg.Pool({
    ...config,
    max: options.max ?? 10,
    idleTimeoutMillis: 60_000,
  });
  const clients = new Set<pg.PoolClient>();
  // Without a listener, a connection that breaks while in use ends the process.
  pool.on("connect", (client) => {
    clients.add(client);
    client.on("error", () => {});
  });
  pool.on("remove", (client) => clients.delete(client));
  pool.on("error", (error) => options.onIdleError?.(error));

  async function connect(): Promise<pg.PoolClient> {
    const obstacle = options.outage?.obstacle();
    if (obstacle !== undefined) throw obstacle;
    try {
      return await pool.connect();
    } catch (thrown) {
      const error = toDatabaseError(thrown);
      options.outage?.failed(error);
      throw error;
    }
  }

  async function lend<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const client = await connect();
    const connection = new Connection({
      client,
      config,
      statementTimeoutMs,
      onQuery: options.onQuery,
    });
    try {
      const result = await work(connection);
      options.outage?.succeeded();
      return result;
    } catch (error) {
      options.outage?.failed(error);
      throw error;
    } finally {
      client.release(connection.broken);
    }
  }

  async function transaction<T>(
    work: (connection: Queryable) => Promise<T>,
    wanted: Parameters<Database["transaction"]>[1] = {},
  ): Promise<T> {
    return lend(async (connection) => {
      await connection.begin(wanted);
      let result: T;
      try {
        result = await work(connection);
      } catch (error) {
        await connection.rollback();
        throw error;
      }
      await connection.commit();
      return result;
    });
  }

  async function* stream<Row>(
    statement: Statement,
    wanted: QueryOptions & { readonly chunk?: number } = {},
  ): AsyncGenerator<Row[]> {
    const size = Math.trunc(wanted.chunk ?? 1_000);
    if (!(size > 0)) throw new RangeError(`chunk must be a positive number, not ${wanted.chunk}`);
    const client = await connect();
    const connection = new Connection({
      client,
      config,
      statementTimeoutMs,
      onQuery: options.onQuery,
    });
    try {
      await connection.begin({ readOnly: true });
      // all rows are read: plan for the last row, not for the first
      await connection.query({ text: "set local cursor_tuple_fraction = 1" });
      await connection.query(
        {
          text: `declare weir_stream no scroll cursor for ${statement.text}`,
          ...(statement.values === undefined ? {} : { values: statement.values }),
        },
        wanted,
      );
      for (;;) {
        const rows = await connection.query<Row>(
          { text: `fetch ${size} from weir_stream` },
          wanted,
        );
        if (rows.length > 0) yield rows;
        if (rows.length < size) break;
      }
    } finally {
      await connection.rollback();
      client.release(connection.broken);
    }
  }

  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    const cut = setTimeout(() => {
      for (const client of clients) destroy(client);
    }, closePatienceMs);
    await pool.end();
    clearTimeout(cut);
  }

  return {
    query: (statement, wanted) => lend((connection) => connection.query(statement, wanted)),
    transaction,
    stream,
    get counts() {
      return { total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount };
    },
    close() {
      closing ??= close();
      return closing;
    },
    [Symbol.asyncDispose]() {
      return this.close();
    },
  };
}

function destroy(client: pg.PoolClient): void {
  const { connection } = client as unknown as {
    readonly connection: { readonly stream: { destroy(): void } };
  };
  connection.stream.destroy();
}

function clientConfig(options: PoolOptions, statementTimeoutMs: number): pg.ClientConfig {
  const { url, startup } = splitStartup(options.url);
  const settings = [startup, startupOptions(options.settings ?? {})].filter((part) => part !== "");
  return {
    connectionString: url,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
    types: { getTypeParser },
    ...(options.tls === undefined ? {} : { ssl: { ...options.tls, rejectUnauthorized: true } }),
    ...(settings.length === 0 ? {} : { options: settings.join(" ") }),
  };
}

/** The driver lets the URL's `options` override those passed in; both are needed. */
function splitStartup(address: string): { readonly url: string; readonly startup: string } {
  const url = new URL(address);
  const startup = url.searchParams.get("options") ?? "";
  url.searchParams.delete("options");
  return { url: url.href, startup };
}

/** `-c name=value`; blanks and backslashes are escaped as in libpq. */
function startupOptions(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `-c ${name}=${value.replace(/([\\\s])/g, "\\$1")}`)
    .join(" ");
}

/** `date` and `timestamp` have no zone: the driver would interpret them in this machine's. */
const asText = new Set([1082, 1114]);

function getTypeParser(oid: number, format?: "text" | "binary"): (value: string) => unknown {
  if (asText.has(oid) && format !== "binary") return (value) => value;
  return pg.types.getTypeParser(oid, format as "text") as (value: string) => unknown;
}
