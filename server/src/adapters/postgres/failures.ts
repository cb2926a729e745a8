import { DatabaseError } from "../../core/ports/database.ts";

/**
 * SQLSTATEs after which the same work may succeed: connection (08), rollback by the server (40),
 * resources (53), lock not available (55P03), cancelled or timed out (57014), server going down or
 * coming up (57P01-57P03), transaction and idle timeouts (25P03, 25P04), system errors (58).
 */
const retryableCodes = /^(08...|40001|40P01|40003|53...|55P03|57014|57P0[1-5]|25P0[34]|58...)$/;

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
    return new DatabaseError(error.message, {
      code,
      retryable: retryableCodes.test(code),
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
