/** The user of a message that is no event, so that an erasure finds its dead letter. */
import { isObject, userKey } from "../../core/event/facts.ts";

/** As far as the value is JSON that names a user; null otherwise. */
export function userOf(value: Buffer | null): string | null {
  if (value === null) return null;
  try {
    const sent: unknown = JSON.parse(value.toString("utf8"));
    if (!isObject(sent)) return null;
    const own = userKey(sent["user_id"], sent["anonymous_id"]);
    const data = sent["data"];
    const found = own ?? (isObject(data) ? userKey(data["user_id"], data["anonymous_id"]) : null);
    return found?.includes("\0") === true ? null : found;
  } catch {
    return null;
  }
}
