import { randomUUID } from "node:crypto";
import type { Cache } from "../../core/ports/cache.ts";
import { type RedisConnection, redisScript } from "./connection.ts";

/** A claim that expired may belong to another process by now. */
const release = redisScript(`
  if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
  return 1`);

/** A cache that all processes share. While Redis is down it knows nothing and gives every claim. */
export class RedisCache implements Cache {
  readonly #redis: Pick<RedisConnection, "isUp" | "key" | "command" | "script">;

  constructor(redis: Pick<RedisConnection, "isUp" | "key" | "command" | "script">) {
    this.#redis = redis;
  }

  get isUp(): boolean {
    return this.#redis.isUp;
  }

  async get(key: string): Promise<Buffer | undefined> {
    const value = await this.#command(["GET", this.#redis.key(`cache:${key}`)]);
    return Buffer.isBuffer(value) ? value : undefined;
  }

  async set(key: string, value: Buffer, ttlMs: number): Promise<void> {
    await this.#command(["SET", this.#redis.key(`cache:${key}`), value, "PX", String(ttlMs)]);
  }

  async claim(key: string, ttlMs: number): Promise<(() => Promise<void>) | undefined> {
    const name = this.#redis.key(`claim:${key}`);
    const own = randomUUID();
    const answer = await this.#command(["SET", name, own, "NX", "PX", String(ttlMs)]);
    // null: another caller has it; undefined: Redis is down
    if (answer === null) return undefined;
    return async () => {
      await this.#redis.script(release, name, [own]).catch(() => {});
    };
  }

  async #command(parameters: Parameters<RedisConnection["command"]>[0]): Promise<unknown> {
    return this.#redis.command(parameters).catch(() => undefined);
  }
}
