import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { missingMetrics, missingPaths } from "./document-paths.ts";

const root = join(import.meta.dirname, "..");
const missing = (text: string) => missingPaths("docs/guides/a.md", text, root);

test("a link or a path that does not exist is found with its line", () => {
  assert.deepEqual(missing("fine\n[a](no-such.md) and `server/src/no-such.ts`"), [
    [2, "docs/guides/no-such.md"],
    [2, "server/src/no-such.ts"],
  ]);
  assert.deepEqual(missing("`parts/nothing/here.ts`"), [[1, "server/src/parts/nothing/here.ts"]]);
});

test("existing paths, globs, web addresses, anchors and other code are accepted", () => {
  assert.deepEqual(
    missing(
      "[a](../../README.md#one) [b](https://example.com) [c](#here) `server/src/main.ts` " +
        "`server/src/parts/*/` `scripts/{check,generate}.ts` `weir up` `POST /api/events/`",
    ),
    [],
  );
});

test("a metric that no code has is found with its line; other names of Weir are accepted", () => {
  const code = 'name: "weir_etl_events_total", role weir_app';
  assert.deepEqual(
    missingMetrics("`weir_etl_events_total{a}`\n`weir_etl_no_such_metric` and `weir_app`", code),
    [[2, "weir_etl_no_such_metric"]],
  );
});
