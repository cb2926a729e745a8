import assert from "node:assert/strict";
import { test } from "node:test";
import { follows, type Position, parsePosition, sees } from "./position.ts";

test("a position includes the transactions that had ended and no others", () => {
  const position = parsePosition("10:20:10,15,19");
  assert.ok(position !== undefined);
  const seen = [9n, 10n, 11n, 15n, 18n, 19n, 20n].filter((xid) => sees(position, xid));
  assert.deepEqual(seen, [9n, 11n, 18n]);
  for (const text of ["", "1", "20:10:", "10:20:25", "10:20:15,11", "0:1:", "1:2:,", "a:b:"]) {
    assert.equal(parsePosition(text), undefined, text);
  }
  const later = parsePosition("15:21:15") as Position;
  assert.ok(follows(later, position) && !follows(position, later));
});
