import assert from "node:assert/strict";
import { test } from "node:test";
import type { Logger } from "../../core/ports/logger.ts";
import { quietDuring } from "./quiet-logger.ts";

test("what an outage explains is for debugging, everything else keeps its level", () => {
  const lines: string[] = [];
  const write =
    (level: string): Logger["info"] =>
    (_fields, message) =>
      lines.push(`${level} ${message}`);
  const logger = quietDuring(
    { explains: (error) => error === "explained" },
    { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
  );
  logger.error({ err: "explained" }, "a");
  logger.warn({ err: "explained" }, "b");
  logger.error({ err: "other" }, "c");
  logger.warn({}, "d");
  logger.info({ err: "explained" }, "e");
  assert.deepEqual(lines, ["debug a", "debug b", "error c", "warn d", "info e"]);
});
