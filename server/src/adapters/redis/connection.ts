/**
 * One connection to Redis. Redis holds copies and counters only, so that every caller has something to do without it:
 * a command fails at once while the connection is down, and nothing is queued for later.
 */
import { createHash } from "node:crypto";
import { createClient, ErrorReply, RESP_TYPES } from "@redis/client";
import { createEpisode, type Episode } from "../../core/episode.ts";
import { messageOf } from "../../core/errors.ts";
import type { Guard } from "../../core/ports/guard.ts";
import type { Logger } from "../../core/ports/logger.ts";
import { jittered } from "../../timing/backoff.ts";

export interface RedisOptions {
  /** `redis://` or `rediss://` (TLS), `[user:password@]host[:port][/database]`. */
  readonly url: string;
  /** Replace those of the URL. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** PEM certificates that are trusted instead of the system's. */
  readonly ca?: string | undefined;
  /** Shown by `CLIENT LIST`. */
  readonly name: string;
  readonly keyPrefix: string;
  readonly connectTimeoutMs: number;
  /** Time limit and breaker of each command. */
  readonly guard: Guard;
  readonly logger: Logger;
  /** Monotonic milliseconds. */
  readonly monotonic: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called with the outcome and duration of each command. */
  readonly onCommand?: (outcome: "ok" | "failed", seconds: number) => void;
}

export type RedisArgument = string | Buffer;

export interface RedisScript {
  readonly text: string;
  readonly sha1: string;
}

/** A script that its callers send by its hash; Redis gets the text when it does not know it. */
export function redisScript(text: string): RedisScript {
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}

/** Redis did not answer, or answered that it cannot serve now. */
class RedisError extends Error {
  override readonly name = "RedisError";
  /** Counts for the breaker. */
  readonly retryable: boolean;
  /** Redis does not know the script of this hash. */
  readonly isUnknownScript: boolean;

  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
    this.isUnknownScript = cause instanceof ErrorReply && cause.message.startsWith("NOSCRIPT");
    this.retryable = !this.isUnknownScript;
  }
}

const pingMs = 1_000;
/** A connection that answers nothing for this long is replaced: its server may be gone without closing it. */
const silentMs = 5_000;
/** One that broke is replaced within milliseconds; only what lasts longer is reported. */
const toleranceMs = 500;
const firstReconnectMs = 50;
const lastReconnectMs = 2_000;
/** A server that stopped reading must not fill the memory. The breaker opens long before. */
const maxPending = 10_000;

export class RedisConnection implements AsyncDisposable {
  readonly #options: RedisOptions;
  readonly #episode: Episode;
  #client: ReturnType<typeof makeClient> | undefined;
  #failingSince: number | undefined;
  #answeredAt = 0;
  #pinging: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: RedisOptions) {
    this.#options = options;
    const { logger, monotonic } = options;
    this.#episode = createEpisode({
      logger,
      monotonic,
      began: "Redis does not answer",
      ended: "Redis answers again",
    });
  }

  /** Whether a command has a chance: connected, and the breaker lets calls through. */
  get isUp(): boolean {
    return this.#client?.isReady === true && this.#options.guard.retryAfterMs === 0;
  }

  /** Connects in the background, and again whenever the connection ends, until it is closed. */
  open(): void {
    if (this.#client !== undefined || this.#isClosed) return;
    this.#connect();
    this.#pinging = setInterval(() => void this.#ping(), pingMs);
    this.#pinging.unref();
  }

  /** The name of a key in this installation's part of Redis. */
  key(name: string): string {
    return this.#options.keyPrefix + name;
  }

  /**
   * Sends one command. Strings of the answer are Buffers.
   * @throws RedisError, CallTimeoutError, BreakerOpenError
   */
  async command(parameters: readonly RedisArgument[]): Promise<unknown> {
    const { guard, monotonic, onCommand } = this.#options;
    const started = monotonic();
    try {
      const answer = await guard.execute(() => this.#send(parameters));
      onCommand?.("ok", (monotonic() - started) / 1000);
      this.#succeeded();
      return answer;
    } catch (error) {
      onCommand?.("failed", (monotonic() - started) / 1000);
      if (!(error instanceof RedisError && error.isUnknownScript)) this.#failed(error);
      throw error;
    }
  }

  /** @throws as `command` */
  async script(
    { text, sha1 }: RedisScript,
    key: string,
    values: readonly RedisArgument[],
  ): Promise<unknown> {
    try {
      return await this.command(["EVALSHA", sha1, "1", key, ...values]);
    } catch (error) {
      if (!(error instanceof RedisError && error.isUnknownScript)) throw error;
      return this.command(["EVAL", text, "1", key, ...values]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#pinging);
    this.#client?.destroy();
  }

  async #send(parameters: readonly RedisArgument[]): Promise<unknown> {
    if (this.#client === undefined) throw new RedisError(new Error("there is no connection yet"));
    try {
      return await this.#client.sendCommand(parameters);
    } catch (error) {
      throw new RedisError(error);
    }
  }

  async #ping(): Promise<void> {
    await this.command(["PING"]).catch(() => {});
    const silent = this.#options.monotonic() - this.#answeredAt;
    if (this.#client?.isReady !== true || silent < silentMs || this.#isClosed) return;
    this.#client.destroy();
    this.#connect();
  }

  #connect(): void {
    this.#answeredAt = this.#options.monotonic();
    const client = makeClient(this.#options);
    this.#client = client;
    client.on("error", (error) => {
      if (client === this.#client && !this.#isClosed) this.#failed(error);
    });
    client.on("ready", () => this.#succeeded());
    // it retries until it is destroyed, and reports every failure as "error"
    client.connect().catch(() => {});
  }

  #succeeded(): void {
    this.#answeredAt = this.#options.monotonic();
    this.#failingSince = undefined;
    this.#episode.end();
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return;
    const now = this.#options.monotonic();
    this.#failingSince ??= now;
    if (now - this.#failingSince >= toleranceMs) this.#episode.begin({ reason: messageOf(error) });
  }
}

function makeClient(options: RedisOptions) {
  const { ca, name, connectTimeoutMs, random } = options;
  return createClient({
    url: withCredentials(options),
    name,
    disableOfflineQueue: true,
    commandsQueueMaxLength: maxPending,
    disableClientInfo: true,
    // a command of Redis Enterprise that other servers refuse
    maintNotifications: "disabled",
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
    socket: {
      ...(ca === undefined ? {} : { ca }),
      connectTimeout: connectTimeoutMs,
      // also ends a handshake that is never answered
      socketTimeout: silentMs,
      reconnectStrategy: (retries) =>
        jittered(Math.min(firstReconnectMs * 2 ** Math.min(retries, 10), lastReconnectMs), random),
    },
  });
}

/** The library prefers the credentials of the URL. */
function withCredentials({ url, username, password }: RedisOptions): string {
  const address = new URL(url);
  if (username !== undefined) address.username = encodeURIComponent(username);
  if (password !== undefined) address.password = encodeURIComponent(password);
  return address.href;
}
