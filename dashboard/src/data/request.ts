import { type ErrorCode, errorTable, type Problem } from "@weir/protocol";

/** Why a request failed: a problem document from Weir, or no usable answer. */
export interface Failure {
  /** `unreachable`: no answer; `unreadable`: an answer that is not from Weir. */
  readonly code: ErrorCode | "unreachable" | "unreadable";
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly permission: string | undefined;
  readonly retryable: boolean;
  readonly requestId: string | undefined;
  /** Since when the server cannot reach its database: milliseconds since 1970. */
  readonly unavailableSince?: number;
}

export class RequestError extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.title);
    this.name = "RequestError";
    this.failure = failure;
  }
}

export interface RequestOptions {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly body?: unknown;
  readonly csrfToken?: string;
  readonly signal?: AbortSignal;
  /** Only for tests; the pages use their own origin. */
  readonly origin?: string;
}

const timeLimitMs = 20_000;

/** The parsed JSON answer, undefined for an empty one. @throws RequestError, or AbortError */
export async function requestJson(path: string, options: RequestOptions = {}): Promise<unknown> {
  const { method = "GET", body, csrfToken, signal, origin = "" } = options;
  const timeout = AbortSignal.timeout(timeLimitMs);
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${origin}${path}`, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      headers: {
        accept: "application/json, application/problem+json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(csrfToken === undefined ? {} : { "x-csrf-token": csrfToken }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestError(unreachable());
  }
  const value = text === "" ? undefined : parse(text);
  if (response.ok && (text === "" || value !== undefined)) return value;
  throw new RequestError(failureOf(response.status, value));
}

/** `path` with those parameters that have a value. */
export function addressOf(
  path: string,
  query: Readonly<Record<string, string | number | null | undefined>>,
): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** Reads a problem document (RFC 9457); any other body comes from something between page and server. */
export function failureOf(status: number, body: unknown): Failure {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Partial<Problem>;
  const code = problem.code as ErrorCode | undefined;
  if (code !== undefined && Object.hasOwn(errorTable, code)) {
    const since = Date.parse(problem.unavailable_since ?? "");
    return {
      ...(Number.isNaN(since) ? {} : { unavailableSince: since }),
      code,
      status,
      title: problem.title ?? errorTable[code].title,
      detail: problem.detail,
      permission: problem.permission,
      retryable: errorTable[code].retryable,
      requestId: problem.request_id,
    };
  }
  return {
    ...unreachable(),
    code: status >= 500 ? "unreachable" : "unreadable",
    status,
    title: "Unexpected response",
    retryable: status >= 500,
  };
}

/** The failure of any thrown value. */
export function asFailure(error: unknown): Failure {
  return error instanceof RequestError ? error.failure : unreachable();
}

function unreachable(): Failure {
  return {
    code: "unreachable",
    status: 0,
    title: "Weir is not responding",
    detail: undefined,
    permission: undefined,
    retryable: true,
    requestId: undefined,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
