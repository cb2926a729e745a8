import assert from "node:assert/strict";
import { test } from "node:test";
import { ageLevel, ageMs } from "./age.ts";
import { createPreferences } from "./preferences.ts";
import { type KeyPress, noShortcut, pressKey, shortcutKeys } from "./shortcuts.ts";

const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({
  key,
  altKey: false,
  ctrlKey: false,
  metaKey: false,
  typing: false,
  ...more,
});

test("every shortcut in the help triggers its action", () => {
  for (const [action, keys] of Object.entries(shortcutKeys)) {
    let state = noShortcut;
    let found: string | undefined;
    for (const key of keys) [state, found] = pressKey(state, press(key), 1_000);
    assert.equal(found, action);
  }
});

test("keys with Alt, Control or Meta, and keys typed into a field, are left to the browser", () => {
  for (const more of [{ altKey: true }, { ctrlKey: true }, { metaKey: true }, { typing: true }]) {
    for (const key of ["ArrowLeft", "ArrowRight", "t", "p", "?", "g"]) {
      assert.deepEqual(pressKey(noShortcut, press(key, more), 0), [noShortcut, undefined]);
    }
  }
});

test("`g` waits for its second letter for a limited time", () => {
  const [waiting] = pressKey(noShortcut, press("g"), 1_000);
  assert.equal(pressKey(waiting, press("l"), 1_400)[1], "go-live");
  assert.equal(pressKey(waiting, press("l"), 9_000)[1], undefined);
  assert.deepEqual(pressKey(waiting, press("x"), 1_400), [noShortcut, undefined]);
});

test("the age of numbers is measured on the browser's clock, whatever the server's shows", () => {
  const freshness = { as_of: "1999-01-01T00:00:00Z", lag_ms: 400, behind_events: 0 };
  const age = ageMs({ freshness, answeredAt: 10_000 }, 12_000);
  assert.equal(age, 2_400);
  assert.deepEqual([0, 20_000, 500_000].map(ageLevel), ["fresh", "late", "stale"]);
});

test("preferences are kept, and without storage they last as long as the page", () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
  };
  createPreferences(storage, "tr-TR").change({ theme: "dark" });
  const again = createPreferences(storage, "en-US").read();
  assert.deepEqual(again, { theme: "dark", language: "tr", shortcuts: true });
  const forbidden = {
    getItem: () => assert.fail("forbidden"),
    setItem: () => assert.fail("forbidden"),
  };
  const store = createPreferences(forbidden, "de");
  store.change({ theme: "light" });
  assert.equal(store.read().theme, "light");
  assert.equal(store.read().language, "en");
});
