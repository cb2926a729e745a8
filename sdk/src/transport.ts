import type { BatchAnswer, EventResult, Problem } from "@weir/protocol";
import type { Compress } from "./compress.ts";
import { parseRetryAfter } from "./retry.ts";

/** The outcome of a request, by what the client must do. */
export type Outcome =
  | { readonly kind: "answered"; readonly results: readonly EventResult[] }
  | { readonly kind: "retry"; readonly cause: string; readonly retryAfterMs?: number }
  | { readonly kind: "too_large"; readonly detail: string }
  | { readonly kind: "refused"; readonly status: number; readonly problem: Partial<Problem> }
  | { readonly kind: "wrong"; readonly detail: string };

export interface BatchRequest {
  readonly url: string;
  readonly key: string;
  /** JSON texts of the events. */
  readonly events: readonly string[];
  readonly timeoutMs: number;
  readonly compress: Compress | undefined;
  readonly keepalive: boolean;
  readonly signal: AbortSignal;
  readonly fetch: typeof globalThis.fetch;
  readonly now: () => number;
}

/** Below this, gzip costs more than it saves. */
const compressFromBytes = 1024;

/** Sends a batch and reads the answer. Never rejects. */
export async function sendBatch(request: BatchRequest): Promise<Outcome> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), request.timeoutMs);
  const stop = () => timeout.abort();
  request.signal.addEventListener("abort", stop, { once: true });
  if (request.signal.aborted) stop();
  try {
    const body = await encodeBody(request);
    // as a function: browsers refuse fetch as a method of another object ("Illegal invocation")
    const { fetch } = request;
    const response = await fetch(request.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, application/problem+json",
        "x-api-key": request.key,
        ...(body.encoding === undefined ? {} : { "content-encoding": body.encoding }),
      },
      body: body.bytes,
      // a redirect would turn the POST into a GET, or send the key to another host
      redirect: "manual",
      credentials: "omit",
      keepalive: request.keepalive,
      signal: timeout.signal,
    });
    const text = await response.text();
    return judgeAnswer(response, text, { sent: request.events.length, nowMs: request.now() });
  } catch (error) {
    const cause = timeout.signal.aborted
      ? `no answer within ${request.timeoutMs} ms`
      : `no answer: ${reasonOf(error)}`;
    return { kind: "retry", cause };
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener("abort", stop);
  }
}

async function encodeBody(
  request: BatchRequest,
): Promise<{ bytes: string | Uint8Array<ArrayBuffer>; encoding?: "gzip" }> {
  const text = `[${request.events.join(",")}]`;
  if (request.compress === undefined || text.length < compressFromBytes) return { bytes: text };
  try {
    return { bytes: await request.compress(text), encoding: "gzip" };
  } catch {
    return { bytes: text };
  }
}

/** Classifies the answer by status and body. */
function judgeAnswer(
  response: Pick<Response, "status" | "headers" | "type">,
  text: string,
  request: { readonly sent: number; readonly nowMs: number },
): Outcome {
  const { status } = response;
  const body = parse(text);
  // verdicts count whatever the status: a batch with only rejected events is a 422
  const results = (body as Partial<BatchAnswer> | undefined)?.results;
  if (Array.isArray(results) && results.length === request.sent) {
    const retryAfterMs = parseRetryAfter(response.headers.get("retry-after"), request.nowMs);
    if (!(status >= 500 && results.every((result) => result.verdict === "retry"))) {
      return { kind: "answered", results };
    }
    return retry(`status ${status}`, retryAfterMs);
  }
  const problem = (body ?? {}) as Partial<Problem>;
  const said = problem.detail ?? problem.title ?? `status ${status}`;
  if (status === 413) return { kind: "too_large", detail: said };
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const retryAfterMs = parseRetryAfter(response.headers.get("retry-after"), request.nowMs);
    return retry(`status ${status}: ${said}`, retryAfterMs);
  }
  if (status === 400 || status === 409 || status === 415 || status === 422) {
    return { kind: "wrong", detail: said };
  }
  // a 2xx without verdicts is a truncated answer, or comes from a proxy that accepts everything
  if (status >= 200 && status < 300) return retry(`status ${status} without verdicts`);
  const misdirected = response.type === "opaqueredirect" || (status >= 300 && status < 400);
  return {
    kind: "refused",
    status,
    problem: misdirected ? { title: "the server answers with a redirect" } : problem,
  };
}

function retry(cause: string, retryAfterMs?: number): Outcome {
  return { kind: "retry", cause, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== ""
    ? `${error.message} (${cause.message})`
    : error.message;
}
