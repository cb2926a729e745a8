import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { listenLocally } from "../../../../testing/local-port.ts";
import { startNginx, temporaryPaths } from "../../../../testing/servers/nginx.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import type { Place } from "../../../../testing/servers/server.ts";
import { until } from "../../../../testing/until.ts";

const needed = await requireServers("nginx");

test(
  "A real nginx forwards to a server of the test, replaces a killed worker, and reloads",
  needed,
  async (t) => {
    const behind = await listenLocally(
      t,
      createServer((_request, response) => response.end("from behind")),
    );
    let answer = `proxy_pass http://127.0.0.1:${behind};`;
    const nginx = await startNginx(t, {
      configure: ({ folder, ports }: Place) => `worker_processes 1;
events {}
http {
  ${temporaryPaths(folder)}
  access_log off;
  server { listen 127.0.0.1:${ports["main"]}; location / { ${answer} } }
}`,
    });
    const get = async () => (await fetch(`http://127.0.0.1:${nginx.ports["main"]}/`)).text();
    assert.equal(await get(), "from behind");

    const [worker = 0] = await nginx.workers();
    process.kill(worker, "SIGKILL");
    await until(async () => (await nginx.workers()).some((pid) => pid !== worker), {
      what: "a new worker",
    });
    assert.equal(await get(), "from behind");

    answer = 'return 200 "from nginx";';
    await nginx.reload();
    await until(async () => (await get()) === "from nginx", { what: "the new configuration" });
  },
);
