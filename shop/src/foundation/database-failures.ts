import pg from "pg";

/** The database is down, does not answer, or cut the connection: the request may be tried again. */
export class DatabaseUnavailableError extends Error {
  override readonly name = "DatabaseUnavailableError";

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/**
 * Connection exceptions (08), shutdown (57P01-57P03, 57P05), too many connections (53300), and a statement
 * that exceeded its limit (57014).
 */
const unavailable = /^(08...|57P0[1235]|53300|57014)$/;
/** What sockets and the driver report; the driver has no codes of its own. */
const socketCodes = /^(ECONN|EPIPE|ETIMEDOUT|ENOENT|EHOST|ENET|EAI_AGAIN|ENOTFOUND)/;
const driverMessages =
  /connection terminated|timeout (expired|exceeded)|query read timeout|not queryable|connection error|cannot use a pool/i;

/** `DatabaseUnavailableError` for such failures; any other error unchanged. */
export function databaseFailure(error: unknown): unknown {
  return isUnavailable(error) ? new DatabaseUnavailableError(error) : error;
}

function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  if (error instanceof pg.DatabaseError) return unavailable.test(code);
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  return socketCodes.test(code) || driverMessages.test(error.message);
}

/** Whether a statement failed because of a constraint: `unique_violation` is 23505. */
export function hasSqlState(error: unknown, sqlState: string): boolean {
  return error instanceof pg.DatabaseError && error.code === sqlState;
}
