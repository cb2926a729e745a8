import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  brokenDays,
  hourSpans,
  type MinuteRange,
  minutesOf,
  monthMasks,
  signedRanges,
  windowSpans,
} from "./spans.ts";

const sizes = [0, minutesOf.minute, minutesOf.hour, minutesOf.day];
const range = fc
  .tuple(fc.integer({ min: 0, max: 12_000 }), fc.integer({ min: 1, max: 6_000 }))
  .map(([from, length]): MinuteRange => ({ from, to: from + length }));

function minutes({ from, to }: MinuteRange): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

test("the windows of a range cover each of its minutes once and nothing else", () => {
  fc.assert(
    fc.property(range, (given) => {
      const spans = windowSpans([given]);
      const covered = spans.sizes.flatMap((size, index) => {
        const unit = sizes[size] ?? 0;
        return minutes({
          from: (spans.lows[index] ?? 0) * unit,
          to: (spans.highs[index] ?? 0) * unit,
        });
      });
      assert.deepEqual(covered, minutes(given));
      assert.ok(spans.sizes.length <= 5);
    }),
  );
});

test("signed days, hours and minutes sum to each minute of a range once", () => {
  fc.assert(
    fc.property(range, (given) => {
      const { days, hours, minutes: rest } = signedRanges(given);
      const sums = new Map<number, number>();
      for (const part of [...days, ...hours, ...rest]) {
        for (const minute of minutes(part)) {
          sums.set(minute, (sums.get(minute) ?? 0) + part.sign);
        }
      }
      const covered = [...sums].filter(([, sum]) => sum !== 0).sort(([a], [b]) => a - b);
      assert.deepEqual(
        covered,
        minutes(given).map((minute) => [minute, 1]),
      );
      const length = (parts: readonly MinuteRange[]) =>
        parts.reduce((sum, { from, to }) => sum + to - from, 0);
      assert.ok(days.length <= 1 && hours.length <= 2);
      if (days.length > 0) assert.ok(length(hours) <= (2 * minutesOf.day) / 2 + 2 * 30);
      if (hours.length > 0) assert.ok(length(rest) <= (2 * minutesOf.hour) / 2);
    }),
  );
});

test("the masks of hours contain each minute of a range once", () => {
  fc.assert(
    fc.property(range, (given) => {
      const spans = hourSpans([given]);
      const covered = spans.lows.flatMap((low, index) => {
        const mask = BigInt(spans.masks[index] ?? 0);
        return minutes({ from: low, to: spans.highs[index] ?? 0 }).flatMap((hour) =>
          minutes({ from: 0, to: 60 })
            .filter((minute) => ((mask >> BigInt(minute)) & 1n) === 1n)
            .map((minute) => hour * 60 + minute),
        );
      });
      assert.deepEqual(covered, minutes(given));
      assert.ok(spans.lows.length <= 3);
    }),
  );
});

test("whole and partial days make up the range, also across the end of a year", () => {
  const given = {
    from: Date.UTC(2025, 11, 30, 21) / 60_000,
    to: Date.UTC(2026, 1, 2, 3, 7) / 60_000,
  };
  assert.deepEqual(monthMasks(given), {
    months: [2025 * 12 + 11, 2026 * 12, 2026 * 12 + 1],
    masks: [1 << 30, 0x7fffffff, 1],
  });
  assert.deepEqual(brokenDays(given), [
    { from: given.from, to: Date.UTC(2025, 11, 31) / 60_000 },
    { from: Date.UTC(2026, 1, 2) / 60_000, to: given.to },
  ]);
});
