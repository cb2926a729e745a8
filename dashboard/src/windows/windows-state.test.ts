import assert from "node:assert/strict";
import { test } from "node:test";
import type { Window } from "@weir/protocol";
import { joinPages, readWindowsState, writeWindowsState } from "./windows-state.ts";

function window(start: string, events = 1): Window {
  return {
    size: "hour",
    start,
    end: start,
    state: "closed",
    events,
    users: 1,
    sessions: 1,
    updated_at: start,
    last_run: null,
  };
}

test("size, state and zone are in the address; invalid values take their defaults", () => {
  const text = "size=day&state=failed&tz=UTC";
  assert.equal(writeWindowsState(readWindowsState(new URLSearchParams(text))).toString(), text);
  const odd = readWindowsState(new URLSearchParams("size=year&state=odd"));
  assert.equal(writeWindowsState(odd).toString(), "size=hour");
});

test("a window that moved to the next page is listed once, with its newest numbers", () => {
  const first = [window("2026-11-21T02:00:00Z"), window("2026-11-21T01:00:00Z", 7)];
  const second = [window("2026-11-21T01:00:00Z", 5), window("2026-11-21T00:00:00Z")];
  const joined = joinPages([first, second]);
  assert.deepEqual(
    joined.map(({ start, events }) => `${start.slice(11, 13)} ${events}`),
    ["02 1", "01 7", "00 1"],
  );
});
