import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { isFirstRun } from "./first-run.ts";

test("finds no server in its first run", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  if (isFirstRun(import.meta.filename)) await fetch(`http://127.0.0.1:${port}/`);
});
