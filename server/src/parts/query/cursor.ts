import { unanswerable } from "./invalid-query.ts";

/**
 * Keyset cursors: the sort key of the last row shown, so that the next page of results starts right
 * after it whatever was added meanwhile. Opaque to clients; `kind` separates the cursors of the lists.
 */
export function writeCursor(kind: string, key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([kind, ...key])).toString("base64url");
}

/** @throws WeirError unanswerable_query when the cursor does not belong to this list */
export function readCursor(
  kind: string,
  cursor: unknown,
  pattern: readonly RegExp[],
): string[] | undefined {
  if (cursor === undefined) return undefined;
  const parts = parse(cursor);
  const key = parts?.slice(1).map(String) ?? [];
  const fits =
    parts?.[0] === kind &&
    key.length === pattern.length &&
    pattern.every((part, index) => part.test(key[index] ?? ""));
  if (!fits) {
    throw unanswerable("cursor", "is not a next_cursor of this list; leave it out to start over");
  }
  return key;
}

function parse(cursor: unknown): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(String(cursor), "base64url").toString("utf8"));
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
