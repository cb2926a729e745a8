import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../../../testing/until.ts";
import type { Part } from "../../core/ports/part.ts";
import { storageCheck } from "./health.ts";
import { pauseWithoutSpace } from "./pause-without-space.ts";
import type { FolderName, FolderSpace, StorageSettings } from "./ports.ts";
import { reserveOf } from "./reserve.ts";
import { Storage } from "./storage.ts";

const MiB = 2 ** 20;
const GiB = 2 ** 30;

function space(free: number, about: Partial<FolderSpace> = {}): FolderSpace {
  const files = { freeFiles: undefined, totalFiles: undefined };
  return { device: 1, freeBytes: free, totalBytes: 100 * GiB, ...files, ...about };
}

function watch(settings: Partial<StorageSettings> = {}) {
  const lines: string[] = [];
  const note = (_fields: object, message: string) => lines.push(message);
  const spaces = new Map<FolderName, FolderSpace>();
  const current = {
    now: 0,
    settings: {
      minFreeBytes: GiB as number | undefined,
      guarded: ["data", "wal", "logs", "cache", "keys", "state"] as readonly FolderName[],
      ...settings,
    },
  };
  const storage = new Storage({
    readSpace: async () => spaces,
    settings: () => current.settings,
    logger: { debug: note, info: note, warn: note, error: note },
    consequence: "refuses",
    monotonic: () => current.now,
  });
  return {
    storage,
    lines,
    current,
    async read(...readings: readonly (readonly [FolderName, FolderSpace])[]) {
      spaces.clear();
      for (const [name, found] of readings) spaces.set(name, found);
      await storage.refresh();
      return storage.refusal;
    },
  };
}

test("below the reserve events are refused with the reason, until a quarter more than the reserve is free", async () => {
  const { storage, read, lines, current } = watch();
  assert.equal(await read(["data", space(GiB)]), undefined);
  assert.equal(
    await read(["data", space(900 * MiB)], ["wal", space(900 * MiB)]),
    "the disk of the database, the write-ahead log has 900 MiB left and 1.00 GiB must stay free (storage.min_free); no events are accepted until 1.25 GiB are free",
  );
  assert.ok((await read(["data", space(1.24 * GiB)])) !== undefined);
  assert.equal(await read(["data", space(1.25 * GiB)]), undefined);
  assert.equal(await read(["data", space(1.1 * GiB)]), undefined);
  // at run time
  current.settings = { ...current.settings, minFreeBytes: 2 * GiB };
  assert.ok((await read(["data", space(1.5 * GiB)])) !== undefined);
  current.settings = { ...current.settings, minFreeBytes: 0 };
  assert.equal(await read(["data", space(0)]), undefined);
  assert.equal(lines.length, 4, "one line when it begins and one when it ends, twice");
  assert.deepEqual((await storageCheck(storage)()).status, "ok");
});

test("each guarded disk counts; one that is not guarded only shows in health", async () => {
  const names = ["data", "wal", "logs", "cache", "keys", "state"] as const;
  for (const name of names) {
    const { storage, read } = watch();
    const readings = names.map(
      (folder, n) => [folder, space(folder === name ? 0 : 50 * GiB, { device: n })] as const,
    );
    assert.match((await read(...readings)) ?? "", /has 0 bytes left/, name);
    assert.equal((await storageCheck(storage)()).status, "down");
    const loose = watch({ guarded: names.filter((other) => other !== name) });
    assert.equal(await loose.read(...readings), undefined);
    assert.equal((await storageCheck(loose.storage)()).status, "degraded");
  }
});

test("the default reserve leaves four fifths of a small disk; an explicit one counts where PostgreSQL writes", () => {
  const small = space(0, { totalBytes: 100 * MiB });
  const of = (found: FolderSpace, minFreeBytes: number | undefined, holdsDatabase: boolean) =>
    reserveOf(found, { minFreeBytes, holdsDatabase });
  assert.equal(of(space(0), undefined, true), 512 * MiB);
  assert.equal(of(small, undefined, true), 20 * MiB);
  assert.equal(of(small, 64 * MiB, true), 64 * MiB);
  assert.equal(of(small, 64 * MiB, false), 20 * MiB);
});

test("a disk without files (inodes) left counts as full", async () => {
  const { read } = watch();
  const files = (freeFiles: number) => space(50 * GiB, { freeFiles, totalFiles: 1e6 });
  assert.equal(await read(["data", files(1_000)]), undefined);
  assert.match((await read(["data", files(999)])) ?? "", /room for only 999 more files/);
  assert.ok((await read(["data", files(1_249)])) !== undefined);
  assert.equal(await read(["data", files(1_250)]), undefined);
});

test("when PostgreSQL has no space although the reserve is there (a quota), events are refused for growing times", async () => {
  const { storage, read, current, lines } = watch();
  const plenty = ["data", space(50 * GiB)] as const;
  for (const heldMs of [2_000, 4_000, 8_000]) {
    storage.full();
    storage.full();
    assert.match(storage.refusal ?? "", /PostgreSQL has no space left/);
    current.now += heldMs - 1;
    assert.ok((await read(plenty)) !== undefined);
    current.now += 1;
    assert.equal(await read(plenty), undefined);
  }
  assert.equal(lines.length, 6);
});

test("a part is stopped at half of the reserve and run again later; a failure is passed on", async () => {
  const { storage, read } = watch();
  const stop = new AbortController();
  let runs = 0;
  let isRunning = false;
  let failure: Error | undefined;
  const part: Part = {
    name: "etl",
    async run(signal) {
      runs++;
      isRunning = true;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      isRunning = false;
      if (failure !== undefined) throw failure;
    },
  };
  const paused = pauseWithoutSpace(part, storage);
  const ended = paused.run(stop.signal);
  await until(() => isRunning, { what: "the part to run" });
  await read(["wal", space(0.6 * GiB)]);
  assert.ok(isRunning && storage.refusal !== undefined, "events are refused before work is paused");
  await read(["wal", space(0.4 * GiB)]);
  await until(() => !isRunning, { what: "the part to stop" });
  assert.match(paused.problem?.() ?? "", /paused/);
  await read(["wal", space(0.6 * GiB)]);
  assert.equal(storage.isCritical, true, "not before there is a little more");
  await read(["wal", space(0.7 * GiB)]);
  await until(() => isRunning, { what: "the part to run again" });
  assert.equal(runs, 2);
  failure = new Error("of the part");
  stop.abort();
  await assert.rejects(ended, /of the part/);
});
