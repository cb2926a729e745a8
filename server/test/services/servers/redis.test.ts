import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@redis/client";
import { startRedis } from "../../../../testing/servers/redis.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";

const needed = await requireServers("redis");

test(
  "A real Redis with a password and TLS is empty after a restart, or keeps what its log holds",
  needed,
  async (t) => {
    const redis = await startRedis(t, { password: "secret", tls: true });
    const ask = async (url: string, ...command: string[]) => {
      const client = createClient({
        url,
        socket: { ca: redis.secure.ca, reconnectStrategy: false },
      });
      client.on("error", () => {});
      await client.connect();
      return client.sendCommand(command).finally(() => client.destroy());
    };
    await ask(redis.url, "set", "key", "value");
    assert.equal(await ask(redis.secure.url, "get", "key"), "value");
    await assert.rejects(ask(redis.url.replace("secret", "wrong"), "get", "key"), /WRONGPASS/);
    await redis.restart();
    assert.equal(await ask(redis.url, "get", "key"), null);
  },
);

test(
  "A Redis with an append-only log keeps its keys over SIGKILL, and loses them when wiped",
  needed,
  async (t) => {
    const redis = await startRedis(t, { settings: { appendonly: "yes", appendfsync: "always" } });
    const client = createClient({ url: redis.url });
    client.on("error", () => {});
    await client.connect();
    t.after(() => client.destroy());
    await client.set("key", "value");
    await redis.kill();
    await redis.start();
    assert.equal(await client.get("key"), "value");
    await redis.wipe();
    assert.equal(await client.get("key"), null);
  },
);
