/**
 * Calls of Qdrant's REST API over connections that are kept open. With Node's own client, because `fetch` accepts
 * no certificate authority, and without @qdrant/js-client-rest: docs/decisions/0011.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { BreakerOpenError, CallTimeoutError, type Guard } from "../../../core/ports/guard.ts";
import { type CallOptions, VectorStoreError } from "../../../core/ports/vector-store.ts";

export interface QdrantConnection {
  /** `http://host:6333` or `https://…`; a path in front of the API is kept. */
  readonly url: string;
  /** Sent as `api-key`; never part of a message. */
  readonly apiKey?: string;
  /** PEM of the authority that signed the server's certificate, if it is not a public one. */
  readonly ca?: string;
  /** Time limit, retries and breaker around each call. */
  readonly guard?: Guard;
  /** For calls without a time limit of their own; default 10,000. */
  readonly timeoutMs?: number;
}

export interface QdrantClient {
  /**
   * The `result` of the answer. `body` is JSON text or a value that is serialised. Rejects with `VectorStoreError`.
   */
  call<T>(
    method: "GET" | "PUT" | "POST" | "DELETE",
    path: string,
    about?: { readonly body?: unknown; readonly options?: CallOptions | undefined },
  ): Promise<T>;
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

type Send = (method: string, path: string, sent: SentBody) => Promise<Answer>;

interface SentBody {
  readonly data: string | undefined;
  readonly signal: AbortSignal;
}

const defaultTimeoutMs = 10_000;

export function connectQdrant(connection: QdrantConnection): QdrantClient {
  const { guard, apiKey } = connection;
  const { send, close } = openTransport(connection);
  const hide = (text: string): string =>
    (apiKey === undefined || apiKey === "" ? text : text.replaceAll(apiKey, "***")).slice(0, 500);

  return {
    async call<T>(
      method: string,
      path: string,
      { body, options = {} }: { body?: unknown; options?: CallOptions | undefined } = {},
    ): Promise<T> {
      const data =
        body === undefined || typeof body === "string" ? body : (JSON.stringify(body) as string);
      const timeoutMs = options.timeoutMs ?? connection.timeoutMs ?? defaultTimeoutMs;
      const once = async (outer?: AbortSignal): Promise<T> => {
        const limit = AbortSignal.timeout(timeoutMs);
        const signal = outer === undefined ? limit : AbortSignal.any([limit, outer]);
        try {
          return readResult<T>(await send(method, path, { data, signal }), hide);
        } catch (error) {
          if (outer?.aborted || error instanceof VectorStoreError) throw error;
          throw limit.aborted
            ? timedOut(`Qdrant did not answer within ${timeoutMs} ms.`, error)
            : unreachable(error, hide);
        }
      };
      try {
        options.signal?.throwIfAborted();
        return await (guard === undefined
          ? once(options.signal)
          : guard.execute(once, options.signal));
      } catch (error) {
        if (options.signal?.aborted) throw timedOut("The call to Qdrant was cancelled.", error);
        if (error instanceof VectorStoreError) throw error;
        if (error instanceof BreakerOpenError) throw unavailable(error.message, error);
        if (error instanceof CallTimeoutError) throw timedOut(error.message, error);
        throw unreachable(error, hide);
      }
    },
    close,
  };
}

function openTransport(connection: QdrantConnection): { send: Send; close: () => void } {
  const base = new URL(connection.url);
  const isTls = base.protocol === "https:";
  if (!isTls && base.protocol !== "http:") {
    throw new VectorStoreError("Qdrant's URL must begin with http:// or https://.", {
      code: "invalid",
    });
  }
  const kept = { keepAlive: true, maxSockets: 32, maxFreeSockets: 8 } as const;
  const { ca } = connection;
  const agent = isTls
    ? new HttpsAgent({ ...kept, ...(ca === undefined ? {} : { ca }) })
    : new HttpAgent(kept);
  const headers = {
    "content-type": "application/json",
    // a compressed answer is chunked, and its last chunk waits for a delayed ACK: 44 ms instead of 1.2
    "accept-encoding": "identity",
    ...(connection.apiKey === undefined ? {} : { "api-key": connection.apiKey }),
  };
  const start = isTls ? httpsRequest : httpRequest;
  const prefix = base.pathname.replace(/\/$/, "");

  const exchange = (
    options: { method: string; path: string },
    { data, signal }: SentBody,
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const length = data === undefined ? {} : { "content-length": Buffer.byteLength(data) };
      const request = start(
        new URL(base.origin),
        { ...options, agent, signal, headers: { ...headers, ...length } },
        (response) => void readText(response).then(resolve, reject),
      );
      request.setNoDelay(true);
      request.on("error", (error: NodeJS.ErrnoException) => {
        // the server closed an idle connection just as it was reused; every call here can be repeated
        const wasStale = request.reusedSocket && error.code === "ECONNRESET" && !signal.aborted;
        if (wasStale) exchange(options, { data, signal }).then(resolve, reject);
        else reject(error);
      });
      request.end(data);
    });

  return {
    send: (method, path, sent) => exchange({ method, path: prefix + path }, sent),
    close: () => agent.destroy(),
  };
}

async function readText(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() };
}

function readResult<T>({ status, text }: Answer, hide: (text: string) => string): T {
  let body: { result?: T; status?: { error?: string } } | undefined;
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    // a page of an intermediary, or the plain text for a refused key
  }
  if (status >= 200 && status < 300) {
    if (body === undefined || body === null) {
      throw unavailable("The server at Qdrant's URL is not Qdrant: its answer is not JSON.");
    }
    return (body.result ?? body) as T;
  }
  const said = hide(body?.status?.error ?? text);
  if (status === 401 || status === 403) {
    throw unavailable(
      `Qdrant refuses the API key (${status}): check the key in the configuration.`,
    );
  }
  const mismatch = /Vector dimension error: expected dim: (\d+), got (\d+)/.exec(said);
  if (mismatch !== null) {
    const [, has = "", got = ""] = mismatch;
    throw new VectorStoreError(
      `The collection has ${has} dimensions, a vector ${got}: ` +
        "use the model that the collection was created for, or a separate collection for this model.",
      { code: "dimension_mismatch" },
    );
  }
  if (status === 404) throw new VectorStoreError(`Qdrant: ${said}`, { code: "not_found" });
  if (status === 408 || status === 504) throw timedOut(`Qdrant timed out: ${said}`);
  if (status === 429 || status >= 500) throw unavailable(`Qdrant answers ${status}: ${said}`);
  throw new VectorStoreError(`Qdrant refuses the call (${status}): ${said}`, { code: "invalid" });
}

function unavailable(message: string, cause?: unknown): VectorStoreError {
  return new VectorStoreError(message, { code: "unavailable", cause });
}

function timedOut(message: string, cause?: unknown): VectorStoreError {
  return new VectorStoreError(message, { code: "timeout", cause });
}

function unreachable(error: unknown, hide: (text: string) => string): VectorStoreError {
  const { code, message } = error as NodeJS.ErrnoException;
  return unavailable(`Qdrant does not answer: ${hide(code ?? message)}`, error);
}
