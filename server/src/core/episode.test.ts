import assert from "node:assert/strict";
import { test } from "node:test";
import { createEpisode } from "./episode.ts";

test("a condition has one line when it begins and one when it ends, however often it is seen", () => {
  const lines: unknown[] = [];
  const note = (level: string) => (fields: object, msg: string) =>
    lines.push({ level, ...fields, msg });
  const logger = {
    debug: note("debug"),
    info: note("info"),
    warn: note("warn"),
    error: note("error"),
  };
  let now = 0;
  const episode = createEpisode({ logger, began: "down", ended: "up", monotonic: () => now });
  episode.end();
  for (let n = 0; n < 3; n++) episode.begin({ reason: `r${n}` });
  assert.equal(episode.isActive, true);
  now = 1_500;
  episode.end({ at: "db" });
  episode.end();
  episode.begin({});
  assert.deepEqual(lines, [
    { level: "warn", reason: "r0", msg: "down" },
    { level: "info", at: "db", lasted_ms: 1_500, seen: 3, msg: "up" },
    { level: "warn", msg: "down" },
  ]);
});
