import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { listenLocally } from "../../../../testing/local-port.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { startToxiproxy } from "../../../../testing/servers/toxiproxy.ts";

const needed = await requireServers("toxiproxy");

test("A real Toxiproxy forwards, delays, and cuts connections on demand", needed, async (t) => {
  const behind = await listenLocally(
    t,
    createServer((_request, response) => response.end("from behind")),
  );
  const toxiproxy = await startToxiproxy(t);
  const proxy = await toxiproxy.proxy(behind);
  const get = async () => {
    const response = await fetch(`http://127.0.0.1:${proxy.port}/`, {
      headers: { connection: "close" },
    });
    return response.text();
  };
  assert.equal(await get(), "from behind");

  await proxy.disturb({ type: "latency", attributes: { latency: 300 } });
  const began = performance.now();
  assert.equal(await get(), "from behind");
  assert.ok(performance.now() - began >= 300);

  await proxy.setEnabled(false);
  await assert.rejects(get());
  await proxy.calm();
  assert.equal(await get(), "from behind");
});
