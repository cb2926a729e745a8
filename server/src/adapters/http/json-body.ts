/** The JSON body of an administrative request, checked before anything is made of it. */
import { WeirError } from "../../core/errors.ts";
import { parseValue, readBody } from "../../core/event/element.ts";
import { scanSingle } from "../../core/event/json-scan.ts";

/**
 * Parses a body by the rules of events: what PostgreSQL or a double cannot hold is refused with a
 * pointer, not altered. A name that occurs twice in one object is refused too: which of the values
 * counts would depend on the reader.
 * @throws WeirError `malformed_json`, `invalid_request`
 */
export function parseJsonBody(bytes: Buffer): unknown {
  const body = readBody(bytes);
  if (!body.isUtf8)
    throw new WeirError("malformed_json", { detail: "the body is not valid UTF-8" });
  const element = scanSingle(bytes);
  if ("malformed" in element) {
    throw new WeirError("malformed_json", {
      detail: `${element.malformed}, at byte ${element.at}`,
    });
  }
  const parsed = parseValue(body, element);
  if ("kind" in parsed) {
    const { pointer, code } = parsed;
    const detail = parsed.detail.replace(/^The event /, "The body ");
    const isSyntax = code === "malformed_json" || element.flaw === "control";
    if (isSyntax) throw new WeirError("malformed_json", { detail });
    throw new WeirError("invalid_request", { detail, errors: [{ pointer, detail }] });
  }
  if (countMembers(parsed.value) !== element.members) {
    const detail = "an object has the same name twice; send each name once";
    throw new WeirError("invalid_request", { detail, errors: [{ pointer: "", detail }] });
  }
  return parsed.value;
}

/** Members of all objects in a value; its depth was limited by the scan. */
function countMembers(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + countMembers(one), 0);
  return Object.values(value).reduce((sum: number, one) => sum + 1 + countMembers(one), 0);
}
