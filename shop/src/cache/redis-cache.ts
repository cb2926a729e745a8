import { createHash } from "node:crypto";
import { createClient, ErrorReply } from "@redis/client";
import type { Logger } from "../foundation/logger.ts";
import { type Cache, type CacheEntry, type Invalidation, invalidationTtlMs } from "./cache.ts";

export interface RedisCacheOptions {
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://` with TLS. */
  readonly url: string;
  /** Before every key: services that share a Redis keep apart. */
  readonly prefix: string;
  readonly logger: Logger;
  readonly random: () => number;
}

interface Script {
  readonly text: string;
  readonly sha1: string;
}

/** A key holds `<version>` of an invalidation, or `<version>:<JSON or null>` of an entry. */
const put = script(`
  local known = redis.call('GET', KEYS[1])
  if known then
    local version = string.match(known, '^(%d+)')
    if tonumber(version) > tonumber(ARGV[1]) then return 0 end
  end
  redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'PX', ARGV[3])
  return 1`);

const invalidate = script(`
  for index, key in ipairs(KEYS) do
    local known = redis.call('GET', key)
    local version = known and string.match(known, '^(%d+)')
    if not version or tonumber(version) < tonumber(ARGV[index + 1]) then
      redis.call('SET', key, ARGV[index + 1], 'PX', ARGV[1])
    end
  end
  return 1`);

const firstReconnectMs = 50;
const lastReconnectMs = 2_000;
/** A Redis that stopped reading must not fill this process's memory. */
const maxPending = 1_000;

/**
 * In a Redis that all processes share. A command fails at once while the connection is down; a time limit
 * and a breaker are added by `guardCache`. A Redis that was emptied knows no invalidations: a row that was
 * read before may come back until its time is over.
 */
export class RedisCache implements Cache {
  readonly #prefix: string;
  readonly #client: ReturnType<typeof connect>;

  constructor(options: RedisCacheOptions) {
    this.#prefix = options.prefix;
    this.#client = connect(options);
  }

  async get(key: string): Promise<CacheEntry | undefined> {
    const text = await this.#client.sendCommand<string | null>(["GET", this.#prefix + key]);
    const colon = text?.indexOf(":") ?? -1;
    if (text === null || colon === -1) return undefined;
    const value = text.slice(colon + 1);
    return { version: Number(text.slice(0, colon)), value: value === "null" ? null : value };
  }

  async put(key: string, entry: CacheEntry, ttlMs: number): Promise<boolean> {
    const values = [String(entry.version), entry.value ?? "null", String(Math.ceil(ttlMs))];
    return (await this.#run(put, [key], values)) === 1;
  }

  async invalidate(invalidations: readonly Invalidation[]): Promise<void> {
    if (invalidations.length === 0) return;
    const keys = invalidations.map(({ key }) => key);
    const versions = invalidations.map(({ version }) => String(version));
    await this.#run(invalidate, keys, [String(invalidationTtlMs), ...versions]);
  }

  async check(): Promise<void> {
    if (!this.#client.isReady) throw new Error("Redis does not answer");
    await this.#client.sendCommand(["PING"]);
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #run(
    { text, sha1 }: Script,
    keys: readonly string[],
    values: readonly string[],
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys.map((key) => this.#prefix + key), ...values];
    try {
      return await this.#client.sendCommand(["EVALSHA", sha1, ...rest]);
    } catch (error) {
      // a Redis that was restarted does not know the script
      if (!(error instanceof ErrorReply && error.message.startsWith("NOSCRIPT"))) throw error;
      return this.#client.sendCommand(["EVAL", text, ...rest]);
    }
  }
}

function connect({ url, logger, random }: RedisCacheOptions) {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: maxPending,
    disableClientInfo: true,
    // a command of Redis Enterprise that other servers refuse
    maintNotifications: "disabled",
    // a connection that is silent is replaced: its server may be gone without closing it
    pingInterval: 2_000,
    socket: {
      connectTimeout: 2_000,
      socketTimeout: 6_000,
      reconnectStrategy: (retries) =>
        Math.min(firstReconnectMs * 2 ** Math.min(retries, 10), lastReconnectMs) *
        (0.5 + random() / 2),
    },
  });
  let reported = false;
  client.on("error", (error: Error) => {
    if (!reported) logger.warn({ reason: error.message }, "Redis is down: the cache is not used");
    reported = true;
  });
  client.on("ready", () => {
    if (reported) logger.info("Redis answers again");
    reported = false;
  });
  // it retries until it is destroyed, and reports every failure as "error"
  client.connect().catch(() => {});
  return client;
}

function script(text: string): Script {
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}
