import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createTestDatabase, createTestFolder } from "../../../../testing/database.ts";
import { addDeadLetter } from "../../../test/helpers/dead-letters.ts";
import { runCommand } from "../../../test/helpers/weir.ts";
import { createReplayWorker } from "../../parts/dlq/replay.ts";

test("weir dlq: list, show, edit, replay and discard, each with an exit code that says whether it succeeded", async (t) => {
  const database = await createTestDatabase(t);
  const folder = await createTestFolder(t);
  const environment = { WEIR_DATABASE_URL: database.urls.owner };
  const dlq = (...words: string[]) => runCommand(["dlq", ...words], environment);
  const id = await addDeadLetter(database.app, {
    part: "stream",
    key: "a",
    original: '{"event_type":"a"}',
  });
  const other = await addDeadLetter(database.app, { key: "b", reason: "hopeless" });

  const groups = await dlq("list", "--group");
  assert.equal(groups.exitCode, 0, groups.output);
  assert.match(groups.output, /test +hopeless +open +1/);
  const list = JSON.parse((await dlq("list", "--json", "--part", "stream")).stdout);
  assert.deepEqual([list.letters.length, list.letters[0].id], [1, id]);
  const shown = await dlq("show", id);
  assert.match(shown.output, /original \(utf8\):\n\{"event_type":"a"\}/);

  const file = join(folder, "event.json");
  writeFileSync(file, '{"event_type":1}');
  const refused = await dlq("edit", id, "--file", file);
  assert.deepEqual([refused.exitCode, refused.output.includes("event_type")], [1, true]);
  writeFileSync(file, '{"event_type":"b"}');
  const edited = await dlq("edit", id, "--file", file);
  assert.match(edited.output, /edition \(utf8\):\n\{"event_type":"b"\}/);

  const nothingNamed = await dlq("replay");
  assert.equal(nothingNamed.exitCode, 2, nothingNamed.output);
  assert.match(
    (await dlq("replay", "--all", "--dry-run")).output,
    /^Would replay 2 dead letters\./,
  );
  assert.match((await dlq("discard", other)).output, /^Discarded 1 dead letter\./);

  const stop = new AbortController();
  const worker = createReplayWorker({
    database: database.app,
    replayers: [{ part: "stream", replay: async () => ({ ok: true }) }],
  });
  const working = (async () => {
    while (!stop.signal.aborted) {
      await worker.step(stop.signal);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const replayed = await dlq("replay", "--part", "stream");
  stop.abort();
  await working;
  assert.deepEqual(
    [replayed.exitCode, replayed.stdout],
    [0, "Replay done: 1 of 1 dead letter resolved, 0 failed again.\n"],
  );
  assert.match((await dlq("list")).output, /No dead letters/);
});
