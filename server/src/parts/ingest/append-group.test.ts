import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { EventRecord } from "../../core/event/record.ts";
import { DatabaseError } from "../../core/ports/database.ts";
import { appendGroup } from "./append-group.ts";
import { appended, type RawLog } from "./ports.ts";

function group(...types: string[]): EventRecord[] {
  return types.map((eventType) => ({
    kind: "record",
    serviceId: 1,
    format: 0,
    answerId: randomUUID(),
    eventId: randomUUID(),
    eventRef: null,
    hashHigh: 0,
    hashLow: 0,
    occurredAt: 0,
    eventType,
    userKey: null,
    productKey: null,
    amount: null,
    currency: null,
    items: null,
    body: Buffer.from("{}"),
    start: 0,
    end: 2,
  }));
}

function failing(code: string, retryable: boolean): DatabaseError {
  return new DatabaseError(`failed with ${code}`, { code, retryable });
}

/** Keeps what it is given, after whatever `refuse` throws. */
function logThat(refuse: (group: readonly EventRecord[], call: number) => void) {
  const kept: string[] = [];
  let calls = 0;
  let prepared = 0;
  const log: RawLog = {
    async append(given) {
      refuse(given, ++calls);
      kept.push(...given.map(({ eventType }) => eventType));
      return null;
    },
    async prepareDays() {
      prepared++;
    },
  };
  return { log, kept, calls: () => calls, prepared: () => prepared };
}

const failures = () => {
  const seen: unknown[] = [];
  return { seen, note: (error: unknown) => void seen.push(error) };
};

test("a group that PostgreSQL refuses is halved until only the bad events are left out", async () => {
  for (const code of ["22P05", "23514", "54000", "22021"]) {
    for (const culprits of [[0], [7], [3, 4], [0, 1, 2, 3, 4, 5, 6, 7], [6]]) {
      const types = Array.from({ length: 8 }, (_, n) =>
        culprits.includes(n) ? "culprit" : `e${n}`,
      );
      const { log, kept } = logThat((given) => {
        if (given.some(({ eventType }) => eventType === "culprit")) throw failing(code, false);
      });
      const { seen, note } = failures();
      const outcomes = await appendGroup(log, group(...types), note);
      assert.deepEqual(
        outcomes,
        types.map((type) => (type === "culprit" ? "rejected" : "accepted")),
      );
      assert.deepEqual(
        kept,
        types.filter((type) => type !== "culprit"),
      );
      assert.ok(seen.length > 0, "it is reported, as it should never happen");
    }
  }
});

test("a deadlock or a serialization failure is retried a few times", async () => {
  for (const code of ["40P01", "40001"]) {
    const passing = logThat((_given, call) => {
      if (call < 3) throw failing(code, true);
    });
    assert.deepEqual(await appendGroup(passing.log, group("a"), () => {}), ["accepted"]);
    const lasting = logThat(() => {
      throw failing(code, true);
    });
    assert.deepEqual(await appendGroup(lasting.log, group("a", "b"), () => {}), ["retry", "retry"]);
    assert.equal(lasting.calls(), 3);
  }
});

test("any other failure answers every event with retry", async () => {
  for (const error of [
    failing("connection", true),
    failing("timeout", true),
    failing("57P01", true),
    failing("25006", false),
    failing("42501", false),
    failing("XX000", false),
  ]) {
    const { log, calls } = logThat(() => {
      throw error;
    });
    const { seen, note } = failures();
    assert.deepEqual(await appendGroup(log, group("a", "b"), note), ["retry", "retry"]);
    assert.equal(calls(), 1);
    assert.deepEqual(seen, [error]);
  }
});

test("a full disk is an outcome of its own: nothing was stored", async () => {
  const full = failing("53100", true);
  const { log } = logThat(() => {
    throw full;
  });
  assert.deepEqual(await appendGroup(log, group("a", "b"), () => {}), ["full", "full"]);
  const withoutDay: RawLog = {
    append: () => Promise.reject(failing("23514", false)),
    prepareDays: () => Promise.reject(full),
  };
  assert.deepEqual(await appendGroup(withoutDay, group("a"), () => {}), ["full"]);
});

test("a bug of our own with one event does not affect its neighbours", async () => {
  const { log, kept } = logThat((given) => {
    if (given.some(({ eventType }) => eventType === "culprit")) throw new TypeError("our fault");
  });
  const outcomes = await appendGroup(log, group("a", "culprit", "b"), () => {});
  assert.deepEqual(outcomes, ["accepted", "retry", "accepted"]);
  assert.deepEqual(kept, ["a", "b"]);
});

test("a missing partition is created once, and the group is written", async () => {
  const { log, kept, prepared } = logThat((_given, call) => {
    if (call === 1) throw failing("23514", false);
  });
  assert.deepEqual(await appendGroup(log, group("a", "b"), () => {}), ["accepted", "accepted"]);
  assert.deepEqual([kept, prepared()], [["a", "b"], 1]);
});

test("the answers of the log are passed on in the order of the events", async () => {
  const log: RawLog = {
    append: async () => [appended.conflict, appended.accepted, appended.duplicate],
    prepareDays: async () => {},
  };
  assert.deepEqual(await appendGroup(log, group("a", "b", "c"), () => {}), [
    "conflict",
    "accepted",
    "duplicate",
  ]);
});
