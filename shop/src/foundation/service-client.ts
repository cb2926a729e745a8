/** Calls from one service of the shop to another. */

/** The other service is down, or did not answer correctly within the limit. */
export class ServiceUnavailableError extends Error {
  override readonly name = "ServiceUnavailableError";
  readonly service: string;

  constructor(service: string, reason: string, options?: ErrorOptions) {
    super(`The service ${service} is down: ${reason}`, options);
    this.service = service;
  }
}

/** The other service refused the request (4xx): `code` is that of its problem. */
export class ServiceRefusedError extends Error {
  override readonly name = "ServiceRefusedError";
  readonly service: string;
  readonly status: number;
  readonly code: string;
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(service: string, status: number, problem: Readonly<Record<string, unknown>>) {
    super(
      `The service ${service} refused (${status}): ${String(problem["detail"] ?? "no detail")}`,
    );
    this.service = service;
    this.status = status;
    this.code = typeof problem["code"] === "string" ? problem["code"] : "";
    this.problem = problem;
  }
}

export interface ServiceClientOptions {
  /** For messages: `products`. */
  readonly service: string;
  readonly url: string;
  /** The token of the caller. */
  readonly token?: string;
  /** For each attempt, the answer's body included; default 3 s. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
}

export interface ServiceRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Begins with `/`; its variable parts are encoded by the caller. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether it may be sent twice; then it is tried once more. Default: for GET, PUT and DELETE. */
  readonly idempotent?: boolean;
  /** Sent as `x-request-id`. */
  readonly requestId?: string;
  readonly signal?: AbortSignal;
}

export interface ServiceAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed; undefined when empty. */
  readonly body: unknown;
}

export interface ServiceClient {
  /** Answers of 2xx. @throws ServiceUnavailableError, ServiceRefusedError, or the signal's reason */
  request(request: ServiceRequest): Promise<ServiceAnswer>;
}

export function createServiceClient(options: ServiceClientOptions): ServiceClient {
  const { service, timeoutMs = 3_000, fetch = globalThis.fetch } = options;
  const origin = options.url.replace(/\/+$/, "");

  async function attempt(request: ServiceRequest): Promise<ServiceAnswer> {
    const limit = AbortSignal.timeout(timeoutMs);
    const signal = request.signal === undefined ? limit : AbortSignal.any([limit, request.signal]);
    const headers: Record<string, string> = { accept: "application/json", ...request.headers };
    if (options.token !== undefined) headers["authorization"] = `Bearer ${options.token}`;
    if (request.body !== undefined) headers["content-type"] = "application/json";
    if (request.requestId !== undefined) headers["x-request-id"] = request.requestId;
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${origin}${request.path}`, {
        method: request.method,
        headers,
        body: request.body === undefined ? null : JSON.stringify(request.body),
        redirect: "error",
        signal,
      });
      text = await response.text();
    } catch (error) {
      request.signal?.throwIfAborted();
      const reason = limit.aborted ? `no answer within ${timeoutMs} ms` : causeOf(error);
      throw new ServiceUnavailableError(service, reason, { cause: error });
    }
    if (response.status >= 500) {
      throw new ServiceUnavailableError(service, `it answered ${response.status}`);
    }
    const body = parse(text, service);
    if (!response.ok) {
      throw new ServiceRefusedError(service, response.status, isRecord(body) ? body : {});
    }
    return { status: response.status, headers: response.headers, body };
  }

  return {
    async request(request) {
      const again = request.idempotent ?? /^(GET|PUT|DELETE)$/.test(request.method);
      try {
        return await attempt(request);
      } catch (error) {
        if (!again || !(error instanceof ServiceUnavailableError)) throw error;
        return attempt(request);
      }
    },
  };
}

function parse(text: string, service: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ServiceUnavailableError(service, "its answer is not JSON", { cause: error });
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** `fetch failed` alone helps little: the cause has the code of the socket. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  const code = "code" in cause ? String(cause.code) : "";
  return [code, cause.message].filter((part) => part !== "").join(" ") || error.message;
}
