import { type ErrorCode, errorTable, type Problem } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { DatabaseError } from "../../core/ports/database.ts";

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Fastify's own refusals, in Weir's words. */
const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "too_large",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "malformed_request",
  FST_ERR_CTP_EMPTY_JSON_BODY: "malformed_json",
  FST_ERR_BAD_URL: "malformed_request",
  FST_ERR_NOT_FOUND: "not_found",
};

/** Anything thrown becomes an error of the closed table; what is unknown is `internal`, without detail. */
export function asWeirError(error: unknown): WeirError {
  if (error instanceof WeirError) return error;
  if (error instanceof DatabaseError) return databaseProblem(error);
  const code = (error as { code?: unknown } | null)?.code;
  const known = typeof code === "string" ? frameworkCodes[code] : undefined;
  if (known !== undefined) return new WeirError(known, { cause: error });
  return new WeirError("internal", { cause: error });
}

/** `57014`: the statement was cancelled, which here means that it ran into its time limit. */
function databaseProblem(error: DatabaseError): WeirError {
  if (error.code === "57014" || error.code === "timeout") {
    return new WeirError("query_timeout", {
      detail: "ask for a shorter range or fewer rows",
      cause: error,
    });
  }
  if (!error.retryable) return new WeirError("internal", { cause: error });
  return new WeirError("unavailable", {
    detail: "the database cannot be reached right now",
    cause: error,
  });
}

/** The RFC 9457 answer for an error. Never a stack, SQL or a path: only what the thrower wrote for callers. */
export function problemAnswer(error: WeirError, requestId?: string): ProblemAnswer {
  const { status, retryable, title } = errorTable[error.code];
  const { detail, permission, errors, retryAfterSeconds, headers } = error.options;
  const body: Problem = {
    type: `/docs/errors#${error.code}`,
    title,
    status,
    code: error.code,
    retryable,
    ...(detail === undefined ? {} : { detail }),
    ...(permission === undefined ? {} : { permission }),
    ...(errors === undefined ? {} : { errors }),
    ...(requestId === undefined ? {} : { request_id: requestId }),
  };
  const retryAfter = retryAfterSeconds ?? (retryable ? 1 : undefined);
  return {
    status,
    headers: {
      "content-type": "application/problem+json; charset=utf-8",
      "cache-control": "no-store",
      ...(retryAfter === undefined ? {} : { "retry-after": String(Math.ceil(retryAfter)) }),
      ...(status === 401 ? { "www-authenticate": 'Bearer realm="weir"' } : {}),
      ...headers,
    },
    body: JSON.stringify(body),
  };
}
