import assert from "node:assert/strict";
import { test } from "node:test";
import { startRabbitMq } from "../../../../testing/servers/rabbitmq.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";

const needed = await requireServers("rabbitmq");

test(
  "A real RabbitMQ has its management page, and keeps durable queues over SIGKILL",
  needed,
  async (t) => {
    const rabbitmq = await startRabbitMq(t, { plugins: ["rabbitmq_management"] });
    const api = `http://127.0.0.1:${rabbitmq.ports["management"]}/api`;
    const authorization = `Basic ${Buffer.from("guest:guest").toString("base64")}`;
    const ask = async (method: string, path: string, body?: string) => {
      const headers = { authorization };
      return (
        await fetch(`${api}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
      ).status;
    };
    assert.equal(await ask("PUT", "/queues/%2F/kept", '{"durable":true}'), 201);
    await rabbitmq.kill();
    await rabbitmq.start();
    assert.equal(await ask("GET", "/queues/%2F/kept"), 200);
  },
);
