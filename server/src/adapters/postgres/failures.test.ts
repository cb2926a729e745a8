import assert from "node:assert/strict";
import { test } from "node:test";
import { DatabaseError } from "../../core/ports/database.ts";
import { toDatabaseError } from "./failures.ts";

function failure(code: string, message: string) {
  const error = Object.assign(new Error(message), { code, severity: "ERROR" });
  const found = toDatabaseError(error);
  assert.ok(found instanceof DatabaseError);
  return [found.code, found.retryable];
}

test("a disk that cannot be written is one error, that may pass, whatever PostgreSQL calls it", () => {
  const full = ["53100", true];
  const messages = {
    "53100": 'could not extend file "base/16384/16385": No space left on device',
    XX000: 'could not extend file "base/16384/16385" with FileFallocate(): Disk quota exceeded',
    "42501": 'could not open file "base/16384/16385": Read-only file system',
    XX001: 'could not write to file "base/pgsql_tmp/pgsql_tmp12.0": File too large',
  };
  for (const [code, message] of Object.entries(messages)) {
    assert.deepEqual(failure(code, message), full, code);
  }
  assert.deepEqual(failure("XX000", "cache lookup failed for type 7"), ["XX000", false]);
  assert.deepEqual(failure("42501", "permission denied for table events"), ["42501", false]);
  assert.deepEqual(failure("22P02", "could not read: No space left on device in text"), [
    "22P02",
    false,
  ]);
});
