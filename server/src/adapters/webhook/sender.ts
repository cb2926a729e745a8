/**
 * Posts a body to a URL: to an address that was checked, within time limits, without following redirects. Node's own
 * client, because its `lookup` is the only look-up of a connection: nothing resolves the name a second time.
 */
import {
  type Agent,
  Agent as HttpAgent,
  type IncomingMessage,
  request as requestHttp,
} from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { isIP, type LookupFunction, type Socket } from "node:net";
import { type AddressPolicy, hostOf } from "./address-policy.ts";
import type { Resolve } from "./resolver.ts";

export interface WebhookSenderOptions {
  readonly policy: AddressPolicy;
  readonly resolve: Resolve;
  readonly connectTimeoutMs: () => number;
  /** Of an answer's body; the rest is not read. */
  readonly answerBytes: number;
  readonly userAgent: string;
  /** PEM certificates that are trusted besides Node's own. */
  readonly ca?: readonly string[];
}

interface Post {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An answer, whatever its status. */
export interface Posted {
  readonly status: number;
  /** The start of the body, as text. */
  readonly answer: string;
  /** As the header has it. */
  readonly retryAfter?: string;
}

/** One endpoint with its connections. */
export interface Endpoint {
  /** Rejects when there is no answer. */
  post(post: Post, signal: AbortSignal): Promise<Posted>;
  close(): void;
}

const keepAliveMs = 10_000;

/** Connections to one endpoint. */
export function createWebhookEndpoint(
  options: WebhookSenderOptions,
  { url: text, connections }: { readonly url: string; readonly connections: number },
): Endpoint {
  let agent: Agent | undefined;
  return {
    async post(post, signal) {
      // the list of allowed receivers may have changed
      const url = options.policy.readUrl(text);
      agent ??= createAgent(url, options, connections);
      return send({ url, agent, options, post, signal });
    },
    close: () => agent?.destroy(),
  };
}

function createAgent(url: URL, options: WebhookSenderOptions, maxSockets: number): Agent {
  const settings = {
    keepAlive: true,
    keepAliveMsecs: keepAliveMs,
    maxSockets,
    scheduling: "lifo",
  } as const;
  const lookup = checkedLookup(url, options);
  if (url.protocol === "http:") return new HttpAgent({ ...settings, lookup });
  const trusted = options.ca === undefined ? {} : { ca: [...options.ca] };
  return new HttpsAgent({ ...settings, ...trusted, lookup, rejectUnauthorized: true });
}

/** Called by Node once for each connection to a name; the addresses that it returns are the ones that are connected to. */
function checkedLookup(url: URL, { policy, resolve }: WebhookSenderOptions): LookupFunction {
  return (host, { all }, callback) => {
    const failed = (error: unknown) => callback(error as NodeJS.ErrnoException, []);
    resolve(host)
      .then((addresses) => {
        policy.check(url, addresses);
        const found = addresses.map((address) => ({ address, family: isIP(address) }));
        const [first] = found;
        if (all === true || first === undefined) callback(null, found);
        else callback(null, first.address, first.family);
      })
      .catch(failed);
  };
}

interface Sending {
  readonly url: URL;
  readonly agent: Agent;
  readonly options: WebhookSenderOptions;
  readonly post: Post;
  readonly signal: AbortSignal;
}

async function send({ url, agent, options, post, signal }: Sending): Promise<Posted> {
  const body = Buffer.from(post.body);
  const request = (url.protocol === "http:" ? requestHttp : requestHttps)(url, {
    method: "POST",
    agent,
    signal,
    headers: {
      "content-type": "application/json",
      "content-length": body.length,
      "user-agent": options.userAgent,
      ...post.headers,
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.once("response", resolve).once("error", reject);
  request.once("socket", (socket) =>
    watchConnection(socket, { url, policy: options.policy, timeoutMs: options.connectTimeoutMs() }),
  );
  request.end(body);
  const response = await promise;
  // an error after the answer's head must not end the process
  request.on("error", () => {});
  const answer = await readAnswer(response, options.answerBytes);
  const retryAfter = response.headers["retry-after"];
  return {
    status: response.statusCode ?? 0,
    answer,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

function watchConnection(
  socket: Socket,
  { url, policy, timeoutMs }: { url: URL; policy: AddressPolicy; timeoutMs: number },
): void {
  if (!socket.connecting) return;
  const timer = setTimeout(() => {
    socket.destroy(new Error(`no connection to ${hostOf(url)} within ${timeoutMs} ms`));
  }, timeoutMs);
  const ready = url.protocol === "http:" ? "connect" : "secureConnect";
  socket.once(ready, () => clearTimeout(timer)).once("close", () => clearTimeout(timer));
  // a second look at what was really connected to
  socket.once("connect", () => {
    try {
      policy.check(url, [socket.remoteAddress ?? ""]);
    } catch (error) {
      socket.destroy(error as Error);
    }
  });
}

/** The first bytes as text. An answer that is longer ends its connection. */
async function readAnswer(response: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit).toString("utf8").replaceAll("\0", "\u{fffd}");
}
