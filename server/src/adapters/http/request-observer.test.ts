import assert from "node:assert/strict";
import { test } from "node:test";
import { WeirError } from "../../core/errors.ts";
import type { Logger } from "../../core/ports/logger.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { observeRequests } from "./request-observer.ts";

function observed() {
  const lines: Record<string, unknown>[] = [];
  const write: Logger["info"] = (fields) => lines.push({ ...fields });
  let now = 0;
  const observer = observeRequests(
    createMetrics("test"),
    { debug: write, info: write, warn: write, error: write },
    () => now,
  );
  const observe = observer.route("analytics.get.overview");
  const principal = { service: "test", keyId: "k" };
  return {
    lines,
    pass: (ms: number) => (now += ms),
    answer: (status: number, error?: WeirError) =>
      observe({
        request: { ip: "::1", id: "r" },
        status,
        ms: 1,
        principal,
        error,
      } as unknown as Parameters<typeof observe>[0]),
  };
}

test("repeated refusals of an unavailable Weir are logged once in ten seconds, and counted", () => {
  const { lines, pass, answer } = observed();
  for (let n = 0; n < 5; n++) answer(503, new WeirError("unavailable"));
  answer(503, new WeirError("overloaded"));
  assert.deepEqual(
    lines.map(({ code }) => code),
    ["unavailable", "overloaded"],
  );
  pass(10_000);
  answer(503, new WeirError("unavailable"));
  assert.equal(lines.at(-1)?.["left_out"], 4);
});

test("every other answer has its line", () => {
  const { lines, answer } = observed();
  for (let n = 0; n < 3; n++) answer(500, new WeirError("internal"));
  for (let n = 0; n < 3; n++) answer(200);
  assert.equal(lines.length, 6);
});
