/**
 * The interface of PostgreSQL for parts; `adapters/postgres/` implements it. Statements are always parameterised.
 */
export interface Statement {
  readonly text: string;
  /** A name makes it a prepared statement of its connection. */
  readonly name?: string;
  readonly values?: readonly unknown[];
}

export interface QueryOptions {
  /** Server-side and client-side limit in milliseconds; the default is the pool's. */
  readonly timeoutMs?: number;
  /** Cancels the statement on the server. */
  readonly signal?: AbortSignal;
}

export interface Queryable {
  query<Row>(statement: Statement, options?: QueryOptions): Promise<Row[]>;
}

export interface Database extends Queryable {
  /** Runs `work` in one transaction; commits when it resolves, rolls back when it rejects. */
  transaction<T>(
    work: (connection: Queryable) => Promise<T>,
    options?: {
      readonly isolation?: "read committed" | "repeatable read";
      readonly readOnly?: boolean;
      readonly timeoutMs?: number;
    },
  ): Promise<T>;
  /** Streams rows in chunks with bounded memory. */
  stream<Row>(
    statement: Statement,
    options?: QueryOptions & { readonly chunk?: number },
  ): AsyncIterable<Row[]>;
}

/** Wakes up on NOTIFY; reconnects automatically. The callers' polling covers missed notifications. */
export interface Notifications {
  subscribe(channel: string, wake: () => void): () => void;
}

/** Any failure of a statement or a connection, independent of the driver's error classes. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  /** SQLSTATE, or `connection` when the server could not be reached or closed the connection, or `timeout`. */
  readonly code: string;
  /** The same work may succeed later. After a lost commit it may also have succeeded already. */
  readonly retryable: boolean;
  readonly constraint: string | undefined;

  constructor(
    message: string,
    about: {
      readonly code: string;
      readonly retryable: boolean;
      readonly constraint?: string | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause: about.cause });
    this.code = about.code;
    this.retryable = about.retryable;
    this.constraint = about.constraint;
  }
}
