import pg from "pg";
import {
  type Database,
  DatabaseError,
  type Queryable,
  type QueryOptions,
  type Statement,
} from "../../core/ports/database.ts";
import { withDeadline } from "../../timing/deadline.ts";
import { toDatabaseError } from "./failures.ts";

/** One finished statement. `statement` is its name or its first words: no values, so no personal data. */
export type QueryObserver = (ended: {
  readonly statement: string;
  readonly milliseconds: number;
  readonly rows: number;
  readonly errorCode: string | undefined;
}) => void;

interface ConnectionOptions {
  readonly client: pg.PoolClient;
  /** For the second connection that a cancellation needs. */
  readonly config: pg.ClientConfig;
  readonly statementTimeoutMs: number;
  readonly onQuery: QueryObserver | undefined;
}

/** How much longer than the server's own limit the client waits before it discards the connection. */
const graceMs = 2_000;

/** The last `set statement_timeout` of a connection; absent: the value it started with. */
const currentTimeout = new WeakMap<pg.PoolClient, number>();

/** One borrowed connection: each statement bounded in time on both sides, one at a time. */
export class Connection implements Queryable {
  readonly #options: ConnectionOptions;
  #last: Promise<unknown> = Promise.resolve();
  /** True when the connection must not be used again. */
  broken = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  query<Row>(statement: Statement, options: QueryOptions = {}): Promise<Row[]> {
    // callers may start several statements of one transaction at once; the protocol carries one at a time
    const turn = this.#last.then(() => this.#limited<Row>(statement, options));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async begin(options: Parameters<Database["transaction"]>[1] = {}): Promise<void> {
    const { isolation = "read committed", readOnly = false, timeoutMs } = options;
    const begin = `begin isolation level ${isolation}${readOnly ? " read only" : ""}`;
    const limit =
      timeoutMs === undefined ? "" : `; set local transaction_timeout = ${Math.ceil(timeoutMs)}`;
    await this.query({ text: begin + limit });
  }

  async commit(): Promise<void> {
    await this.#last;
    const { command } = await this.#send(
      { text: "commit" },
      this.#options.statementTimeoutMs,
      undefined,
    );
    // the server answers COMMIT with ROLLBACK when a statement failed and its error was swallowed
    if (command !== "COMMIT") {
      throw new DatabaseError("The transaction had failed before; nothing was committed.", {
        code: "25P02",
        retryable: false,
      });
    }
  }

  /** Never rejects: a connection that cannot roll back is dropped. */
  async rollback(): Promise<void> {
    await this.#last;
    if (this.broken) return;
    try {
      await this.#send({ text: "rollback" }, graceMs, undefined);
    } catch {
      this.broken = true;
    }
  }

  async #limited<Row>(statement: Statement, options: QueryOptions): Promise<Row[]> {
    options.signal?.throwIfAborted();
    const { client, statementTimeoutMs } = this.#options;
    const timeoutMs = Math.ceil(options.timeoutMs ?? statementTimeoutMs);
    if (timeoutMs !== (currentTimeout.get(client) ?? statementTimeoutMs)) {
      await this.#send(
        { text: `set statement_timeout = ${timeoutMs}` },
        // a frozen server must not delay this for longer than the statement's own limit
        timeoutMs,
        undefined,
      );
      currentTimeout.set(client, timeoutMs);
    }
    const result = await this.#send(statement, timeoutMs, options.signal);
    return result.rows as Row[];
  }

  /** Sends one statement and waits for its end, at most slightly longer than `timeoutMs`. */
  async #send(
    statement: Statement,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<pg.QueryResult> {
    const { client, onQuery } = this.#options;
    const started = performance.now();
    let rows = 0;
    let failure: unknown;
    const { promise: given, reject: give } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.broken = true;
      give(
        new DatabaseError(`PostgreSQL did not answer within ${timeoutMs} ms.`, {
          code: "timeout",
          retryable: true,
        }),
      );
    }, timeoutMs + graceMs);
    const sent = client.query({
      text: statement.text,
      ...(statement.name === undefined ? {} : { name: statement.name }),
      ...(statement.values === undefined ? {} : { values: [...statement.values] }),
    });
    let cancelled: Promise<void> | undefined;
    const abort = (): void => {
      cancelled = this.#cancel(sent).catch(() => {});
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const result = await Promise.race([sent, given]);
      rows = result.rowCount ?? 0;
      return result;
    } catch (error) {
      failure = signal?.aborted === true ? signal.reason : toDatabaseError(error);
      if (failure instanceof DatabaseError && isLost(failure)) this.broken = true;
      throw failure;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      sent.catch(() => {});
      // the next user of this connection must not be hit by a late cancellation
      await cancelled;
      onQuery?.({
        statement: statement.name ?? statement.text.trimStart().slice(0, 40),
        milliseconds: performance.now() - started,
        rows,
        errorCode: errorCode(failure),
      });
    }
  }

  /** Asks the server over a second connection; discards the first one if that does not help. */
  async #cancel(sent: Promise<unknown>): Promise<void> {
    const { client, config } = this.#options;
    const { processID } = client as unknown as { readonly processID: number };
    const ended = sent.then(
      () => true,
      () => true,
    );
    const second = new pg.Client({
      ...config,
      connectionTimeoutMillis: graceMs,
      query_timeout: graceMs,
      application_name: `${config.application_name} cancel`,
    });
    second.on("error", () => {});
    try {
      await second.connect();
      await second.query("select pg_cancel_backend($1)", [processID]);
    } finally {
      const settled = await withDeadline(() => ended, { ms: graceMs, late: false });
      if (!settled) {
        this.broken = true;
        const { connection } = client as unknown as {
          readonly connection: { readonly stream: { destroy(): void } };
        };
        connection.stream.destroy();
      }
      await second.end().catch(() => {});
    }
  }
}

function isLost(error: DatabaseError): boolean {
  // 57P0x, 25P03 and 25P04 end the session, and so do most of class 08
  return error.code === "connection" || /^(08|57P0|25P0[34])/.test(error.code);
}

function errorCode(failure: unknown): string | undefined {
  if (failure === undefined) return undefined;
  return failure instanceof DatabaseError ? failure.code : "aborted";
}
