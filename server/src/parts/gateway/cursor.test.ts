import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatPosition, type Position } from "../../core/position.ts";
import { type Cursor, decodeCursor, encodeCursor } from "./cursor.ts";

const positions: fc.Arbitrary<Position> = fc
  .record({
    xmin: fc.bigInt({ min: 3n, max: 1n << 60n }),
    gaps: fc.array(fc.bigInt({ min: 1n, max: 1_000n }), { maxLength: 30 }),
    beyond: fc.bigInt({ min: 1n, max: 1_000n }),
  })
  .map(({ xmin, gaps, beyond }) => {
    let at = xmin - 1n;
    const xip = gaps.map((gap) => (at += gap));
    return { xmin: xip[0] ?? xmin, xmax: (xip.at(-1) ?? xmin) + beyond, xip };
  });

const cursors: fc.Arbitrary<Cursor> = fc
  .record({
    incarnation: fc.string({
      unit: fc.constantFrom(..."0123456789abcdef"),
      minLength: 16,
      maxLength: 16,
    }),
    settled: fc.option(fc.bigInt({ min: 0n, max: 1n << 62n }), { nil: undefined }),
    at: fc.integer({ min: 0, max: 4_102_444_800_000 }),
    from: positions,
    later: fc.bigInt({ min: 1n, max: 50n }),
    eventId: fc.uuid(),
    serviceId: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    inside: fc.boolean(),
  })
  .map(({ later, eventId, serviceId, inside, ...place }) => {
    const { from } = place;
    if (!inside) return place;
    const to = { xmin: from.xmax, xmax: from.xmax + later, xip: [] };
    return { ...place, round: { to, last: { xid: from.xmax, eventId, serviceId } } };
  });

test("a cursor survives being written and read", () => {
  fc.assert(
    fc.property(cursors, (cursor) => {
      const text = encodeCursor(cursor);
      const read = decodeCursor(text);
      assert.ok(read !== undefined, text);
      assert.equal(encodeCursor(read), text);
      assert.equal(formatPosition(read.from), formatPosition(cursor.from));
      assert.equal(read.round?.last.eventId, cursor.round?.last.eventId);
      assert.equal(read.incarnation, cursor.incarnation);
      assert.equal(read.settled, cursor.settled);
    }),
  );
});

test("a cursor that was changed in any character reads as another sound place or not at all", () => {
  fc.assert(
    fc.property(cursors, fc.nat(), fc.string({ maxLength: 3 }), (cursor, position, change) => {
      const text = encodeCursor(cursor);
      const at = position % text.length;
      const changed = text.slice(0, at) + change + text.slice(at + 1);
      const read = decodeCursor(changed);
      if (read === undefined) return;
      assert.equal(encodeCursor(read), changed, "only one text for a place");
    }),
    { numRuns: 2_000 },
  );
});

test("nonsense is no cursor", () => {
  const encoded = (text: string) => Buffer.from(text, "latin1").toString("base64url");
  for (const text of [
    "",
    "AAAA",
    "1:2:",
    encoded("3~a~5.4."),
    encoded("2~a~5.4."),
    encoded("2~0123456789abcde~~a~5.4."),
    encoded("2~0123456789abcdeg~~a~5.4."),
    encoded("2~0123456789abcdef~00~a~5.4."),
    encoded("2~0123456789abcdef~zzzzzzzzzzzzz~a~5.4."),
    encoded("1~00~5.4."),
    encoded("1~a~0.4."),
    encoded("1~a~5.-4."),
    encoded("1~a~5.4.9"),
    encoded("1~a~5.4.0,0"),
    encoded("1~a~5.4.~6.4."),
    encoded("1~a~5.4.~5.5.~9~not-a-uuid~1"),
    encoded("1~a~5.4.~5.5.~9~00000000-0000-0000-0000-000000000000~0"),
    encoded("1~a~5.4.~5.5.~4~00000000-0000-0000-0000-000000000000~1"),
    encoded("1~a~5.4.~5.5.~9~00000000-0000-0000-0000-000000000000~1~x"),
    encoded("1~zzzzzzzzzzzz~5.4."),
  ]) {
    assert.equal(decodeCursor(text), undefined, text);
  }
  const sound = encoded(
    "2~0123456789abcdef~a~a~5.4.~5.5.~9~00000000-0000-0000-0000-000000000000~1",
  );
  assert.ok(decodeCursor(sound) !== undefined);
});

test("a cursor of the previous version is read, as one of an unknown incarnation", () => {
  const text = Buffer.from("1~a~5.4.", "latin1").toString("base64url");
  const cursor = decodeCursor(text);
  assert.equal(cursor?.incarnation, "");
  assert.equal(cursor?.settled, undefined);
});
