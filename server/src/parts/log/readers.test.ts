import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../../../../testing/database.ts";
import { prepareDays, writeEvents } from "../../../test/helpers/raw-log.ts";
import { runCommand } from "../../../test/helpers/weir.ts";
import { createRetention } from "../retention/retention.ts";
import { readersCheck } from "./health.ts";
import { createRangeReader } from "./range-reader.ts";
import { listReaders, registerReader, unregisterReader } from "./readers.ts";

test("a reader registers once, keeps its position, and is forgotten when it is removed", async (t) => {
  const { app } = await createTestDatabase(t);
  assert.equal(await registerReader(app, "archive", "now"), true);
  const before = await listReaders(app);
  assert.equal(await registerReader(app, "archive", "oldest"), false);
  assert.deepEqual(
    (await listReaders(app)).map(({ name, position }) => ({ name, position })),
    before.map(({ name, position }) => ({ name, position })),
  );
  assert.deepEqual(
    before.map(({ name }) => name),
    ["archive", "stream", "windows"],
  );
  assert.equal(await unregisterReader(app, "archive"), true);
  assert.equal(await unregisterReader(app, "archive"), false);
});

test("retention keeps a day for any registered reader until it has read it or is removed", async (t) => {
  const database = await createTestDatabase(t);
  const { owner, app } = database;
  await prepareDays(database);
  await owner.query({ text: "select raw.ensure_partition(current_date - 100)" });
  await writeEvents(owner, 3, new Date(Date.now() - 100 * 86_400_000));
  const retention = createRetention({
    database: owner,
    settings: { rawDays: 90, partitionsAhead: 1 },
  });
  await retention.round();
  for (const { name } of await listReaders(app)) await unregisterReader(app, name);
  for (const name of ["archive", "relay"]) await registerReader(app, name, "oldest");
  const readAll = async (name: string) => {
    const reader = createRangeReader(app, name);
    assert.equal(await reader.advance(app, await reader.next(1_000)), true);
  };
  await readAll("relay");
  const held = await retention.round();
  assert.deepEqual([held.dropped.length, held.heldBackBy], [0, "archive"]);
  assert.equal(await unregisterReader(app, "archive"), true);
  const free = await retention.round();
  assert.deepEqual([free.dropped.length, free.heldBackBy], [1, undefined]);
});

test("a reader that has not come back is named by health and by the command, which removes it", async (t) => {
  const database = await createTestDatabase(t);
  const { owner, app } = database;
  await prepareDays(database);
  await registerReader(app, "archive", "oldest");
  // the readers of the template may be older than the limit
  await owner.query({ text: "update log.readers set heartbeat_at = now()" });
  await writeEvents(owner, 3);
  const check = readersCheck(app);
  assert.equal((await check()).status, "ok", "it has just been registered");
  await owner.query({
    text: "update log.readers set heartbeat_at = now() - interval '1 hour' where name = 'archive'",
  });
  const found = await check();
  assert.equal(found.status, "degraded");
  assert.match(found.detail ?? "", /"archive"/);

  const readers = (...words: string[]) =>
    runCommand(["readers", ...words], { WEIR_DATABASE_URL: database.urls.owner });
  const listed = await readers("list");
  assert.match(listed.stdout, /archive +3 /);
  const refused = await readers("remove", "unknown");
  assert.equal(refused.exitCode, 1);
  await owner.query({ text: "update log.readers set events = 9 where name = 'windows'" });
  assert.equal((await readers("remove", "windows")).exitCode, 1, "it would count everything twice");
  assert.equal((await readers("remove", "archive")).exitCode, 0);
  assert.equal((await check()).status, "ok");
});
