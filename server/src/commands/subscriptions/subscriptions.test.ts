import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { startReceiver, verify } from "../../../test/helpers/webhook-receiver.ts";
import { runCommand } from "../../../test/helpers/weir.ts";

test("weir subscriptions: create, test, update, pause, list, log and delete", async (t) => {
  const database = await createTestDatabase(t);
  const receiver = await startReceiver(t);
  const environment = {
    WEIR_DATABASE_URL: database.urls.owner,
    WEIR_DELIVERIES_ALLOW_PRIVATE: "127.0.0.1",
  };
  const run = (...words: string[]) => runCommand(["subscriptions", ...words], environment);
  const refused = await run("create", "inside", "--url", "http://10.0.0.1/");
  assert.deepEqual([refused.exitCode, /allow_private/.test(refused.output)], [1, true]);
  const created = await run(
    "create",
    "orders",
    "--json",
    "--url",
    receiver.url,
    "--types",
    "order.*",
  );
  assert.equal(created.exitCode, 0, created.output);
  const { secret } = JSON.parse(created.stdout);

  assert.match((await run("test", "orders")).output, /^Delivered in .* status 204/);
  const [got] = receiver.received;
  assert.ok(got !== undefined);
  verify(secret, got);

  const updated = await run(
    "update",
    "orders",
    "--filter",
    '{"path":"source","op":"eq","value":"shop"}',
  );
  assert.match(updated.output, /filter +\{.*"path":"source"/);
  assert.match((await run("pause", "orders")).output, /state +paused: paused by cli:/);
  assert.match((await run("list")).output, /orders +paused +order\.\*/);
  assert.match((await run("log", "orders")).output, /^No deliveries\./);
  assert.equal((await run("delete", "orders")).exitCode, 0);
  const gone = await run("show", "orders");
  assert.deepEqual([gone.exitCode, /no subscription "orders"/.test(gone.output)], [1, true]);
});
