import { type ErrorCode, errorTable, type Problem } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { DatabaseError } from "../../core/ports/database.ts";

export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Fastify's own errors. */
const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "malformed_request",
  FST_ERR_CTP_EMPTY_JSON_BODY: "malformed_json",
};

/** What an error of Fastify or its plugins means when only its status is known. */
const byStatus: Readonly<Record<number, ErrorCode>> = {
  400: "malformed_request",
  404: "not_found",
  405: "method_not_allowed",
  408: "request_timeout",
  413: "too_large",
  414: "uri_too_long",
  415: "unsupported_media_type",
  503: "unavailable",
};

/** Any thrown value becomes an error of the closed table; an unknown one is `internal`, without detail. */
export function asWeirError(error: unknown): WeirError {
  if (error instanceof WeirError) return error;
  if (error instanceof DatabaseError) return databaseProblem(error);
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  const status = Number(statusCode);
  // plugins have errors of their own, such as that of a path that leaves a folder
  const isRefusal = status >= 400 && status < 500;
  const name = typeof code === "string" ? code : "";
  if (!name.startsWith("FST_") && !isRefusal) return new WeirError("internal", { cause: error });
  const known = frameworkCodes[name] ?? byStatus[status] ?? (isRefusal ? "not_found" : "internal");
  const detail = details[name];
  return new WeirError(known, { cause: error, ...(detail === undefined ? {} : { detail }) });
}

const details: Readonly<Record<string, string>> = {
  FST_ERR_BAD_URL: "the path is not valid percent-encoded UTF-8",
  FST_ERR_MAX_PARAM_LENGTH: "a part of the path is longer than 512 characters",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "the Content-Type header is malformed",
};

const diskFull = "53100";
const storageRetrySeconds = 5;

/**
 * SQLSTATEs of a value that PostgreSQL cannot hold. Every text is checked before it gets there
 * (docs/decisions/0039), so that one that arrives all the same is the caller's value, not a failure of the server.
 */
const valueCodes: ReadonlySet<string> = new Set([
  "22001",
  "22003",
  "22007",
  "22008",
  "22021",
  "22P02",
  "22P05",
  "54000",
]);

/** `57014`: the statement was cancelled; here that means it reached its time limit. */
function databaseProblem(error: DatabaseError): WeirError {
  if (error.code === "57014" || error.code === "timeout") {
    return new WeirError("query_timeout", {
      detail: "use a shorter range or fewer rows",
      cause: error,
    });
  }
  if (error.code === diskFull) {
    return new WeirError("storage_full", {
      detail: "the database has no disk space left for this; try again later",
      retryAfterSeconds: storageRetrySeconds,
      cause: error,
    });
  }
  if (valueCodes.has(error.code)) {
    return new WeirError("invalid_request", {
      detail: `the database cannot hold one of the values of this request (${error.code})`,
    });
  }
  if (!error.retryable) return new WeirError("internal", { cause: error });
  return new WeirError("unavailable", {
    detail: "the database is unavailable; try again in a moment",
    cause: error,
  });
}

/** The RFC 9457 answer for an error. It contains only what was written for callers: no stack, SQL or path. */
export function problemAnswer(
  error: WeirError,
  { requestId, since }: { readonly requestId?: string; readonly since?: Date | undefined } = {},
): ProblemAnswer {
  const { status, retryable, title } = errorTable[error.code];
  const outage = error.code === "unavailable" ? since : undefined;
  const detail = outage === undefined ? error.options.detail : outageDetail(error, outage);
  const { permission, errors, retryAfterSeconds, headers } = error.options;
  const body: Problem = {
    type: `/docs/errors#${error.code}`,
    title,
    status,
    code: error.code,
    retryable,
    ...(detail === undefined ? {} : { detail }),
    ...(permission === undefined ? {} : { permission }),
    ...(errors === undefined ? {} : { errors }),
    ...(outage === undefined ? {} : { unavailable_since: outage.toISOString() }),
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

function outageDetail({ options }: WeirError, since: Date): string {
  const time = since.toISOString().slice(11, 19);
  const own = options.detail === undefined ? "" : `; ${options.detail}`;
  return `Weir cannot reach its database since ${time} UTC and keeps trying${own}`;
}
