import { createHash } from "node:crypto";
import { Problem, problemKinds } from "./problems.ts";

/**
 * Opaque cursors of lists. A cursor contains the sort key of the last item and a digest of it with
 * `scope` (the list and its filters), so that one that is damaged, shortened or used with other filters is
 * refused instead of answering wrong items. It protects no secret: all it can do is to begin elsewhere in
 * the same list.
 */
export function encodeCursor(scope: unknown, key: readonly (string | number)[]): string {
  const json = JSON.stringify(key);
  return `${digest(scope, json)}${Buffer.from(json).toString("base64url")}`;
}

/** The key of a cursor. @throws Problem `invalid_request` */
export function decodeCursor(scope: unknown, cursor: string): readonly (string | number)[] {
  const json = Buffer.from(cursor.slice(digestLength), "base64url").toString("utf8");
  const again = `${digest(scope, json)}${Buffer.from(json).toString("base64url")}`;
  if (again === cursor) return JSON.parse(json) as (string | number)[];
  throw new Problem(
    problemKinds.invalid_request,
    "query: after is not a cursor of this list with these filters; use `next` of an answer unchanged",
  );
}

const digestLength = 16;

function digest(scope: unknown, json: string): string {
  return createHash("sha256")
    .update(`${JSON.stringify(scope)}\n${json}`)
    .digest("base64url")
    .slice(0, digestLength);
}
