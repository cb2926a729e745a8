import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bisect } from "./bisect.ts";

class Poison extends Error {}
class Away extends Error {
  readonly retryable = true;
}

test("exactly the bad items are found, the others are done once, in few attempts", async () => {
  const lists = fc.uniqueArray(fc.nat(10_000), { minLength: 1, maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(lists, fc.array(fc.nat(), { maxLength: 6 }), async (items, picks) => {
      const poisons = new Set(picks.map((pick) => items[pick % items.length] as number));
      let attempts = 0;
      const done: number[] = [];
      const result = await bisect(items, async (some) => {
        attempts++;
        const bad = some.find((item) => poisons.has(item));
        if (bad !== undefined) throw new Poison(String(bad));
        done.push(...some);
      });
      assert.deepEqual(
        result.poisoned.map(({ item, error }) => [item, (error as Error).message]),
        items.filter((item) => poisons.has(item)).map((item) => [item, String(item)]),
      );
      assert.deepEqual(
        done,
        items.filter((item) => !poisons.has(item)),
      );
      assert.deepEqual(result.done, done);
      const bound = 2 * poisons.size * Math.ceil(Math.log2(items.length)) + 1;
      assert.ok(attempts <= Math.max(1, bound), `${attempts} attempts, ${bound} allowed`);
    }),
  );
});

test("an unavailable dependency stops everything at once, and no item is blamed", async () => {
  let attempts = 0;
  const attempt = async () => {
    attempts++;
    throw new Away("gone");
  };
  await assert.rejects(bisect([1, 2, 3, 4], attempt), Away);
  assert.equal(attempts, 1);
});

test("an empty list causes no attempt", async () => {
  await bisect([], () => Promise.reject(new Error("asked")));
});
