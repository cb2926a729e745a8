import { DatabaseError } from "../../core/ports/database.ts";

/**
 * SQLSTATEs after which the same work may succeed: connection (08), rollback by the server (40),
 * resources (53), lock not available (55P03), cancelled or timed out (57014), server going down or
 * coming up (57P01-57P03), transaction and idle timeouts (25P03, 25P04), system errors (58).
 */
const retryableCodes = /^(08...|40001|40P01|40003|53...|55P03|57014|57P0[1-5]|25P0[34]|58...)$/;

/**
 * PostgreSQL has a code of its own only for ENOSPC (53100). It reports an exhausted quota and a file
 * size limit as an internal error (XX000) and a file system that became read-only as missing privilege (42501): a
 * writer would take its data for the cause.
 */
const fileFailure =
  /^could not (?:extend|write|create|open|fsync|truncate|rename|close|access|remove|seek)\b.*: (?:No space left on device|Disk quota exceeded|File too large|Read-only file system)/;
const diskFull = "53100";

const sqlState = /^[0-9A-Z]{5}$/;

/** Turns errors of `pg` or the socket into a `DatabaseError`; leaves other errors unchanged. */
export function toDatabaseError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof DatabaseError) return error;
  const { code, constraint, severity } = error as Error & {
    code?: unknown;
    constraint?: string;
    severity?: unknown;
  };
  if (typeof code === "string" && sqlState.test(code) && typeof severity === "string") {
    const known = fileFailure.test(error.message) ? diskFull : code;
    return new DatabaseError(error.message, {
      code: known,
      retryable: retryableCodes.test(known),
      constraint,
      cause: error,
    });
  }
  if (typeof code === "string" || isLostConnection(error.message)) {
    return new DatabaseError(`PostgreSQL cannot be reached: ${error.message}`, {
      code: "connection",
      retryable: true,
      cause: error,
    });
  }
  return error;
}

/** `pg` gives these no code. */
function isLostConnection(message: string): boolean {
  return /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Client (was closed|has encountered a connection error)|Cannot use a pool after)/.test(
    message,
  );
}
