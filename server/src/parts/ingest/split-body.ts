/** From the bytes of a request body to its events, or to a problem that says what was expected. */
import { limits } from "@weir/protocol";
import { WeirError } from "../../core/errors.ts";
import { objectMembers } from "../../core/event/json-members.ts";
import {
  bodyStart,
  type Element,
  scanElement,
  skipSpace,
  splitArray,
  splitLines,
} from "../../core/event/json-scan.ts";
import { wellFormed } from "../../core/event/single.ts";
import type { RouteRequest } from "../../core/ports/route.ts";

const openBrace = 0x7b;
const openBracket = 0x5b;

/** The media type of a request, in lower case and without parameters. */
export function mediaType(request: RouteRequest): string {
  const header = request.headers["content-type"];
  const type = typeof header === "string" ? header : "";
  const end = type.indexOf(";");
  return (end < 0 ? type : type.slice(0, end)).trim().toLowerCase();
}

/** The lines of an NDJSON body. @throws WeirError too_large, invalid_request */
export function eventLines(bytes: Buffer): Element[] {
  return withinLimits(splitLines(bytes, limits.batchEvents));
}

/**
 * The events of a JSON array.
 * @throws WeirError malformed_json, too_large, invalid_request (valid JSON, but no array)
 */
export function eventArray(bytes: Buffer): Element[] {
  const scanned = splitArray(bytes, limits.batchEvents);
  if ("malformed" in scanned) {
    const hint = arrayHint(bytes);
    if (hint !== undefined) {
      throw new WeirError("invalid_request", {
        detail: hint,
        errors: [{ pointer: "", detail: hint }],
      });
    }
  }
  return withinLimits(wellFormed(scanned));
}

/** The elements of an array inside a body. @throws WeirError malformed_json, too_large, invalid_request */
export function arrayWithin(bytes: Buffer, range: Element): Element[] {
  return withinLimits(wellFormed(splitArray(bytes, limits.batchEvents, range)));
}

function withinLimits(elements: Element[]): Element[] {
  if (elements.length > limits.batchEvents) {
    throw new WeirError("too_large", {
      detail: `a batch may hold at most ${limits.batchEvents} events; no event was accepted`,
    });
  }
  if (elements.length === 0) {
    throw new WeirError("invalid_request", { detail: "the batch holds no event" });
  }
  return elements;
}

/** What a sender of something else than an array most likely meant; undefined when it is no JSON. */
function arrayHint(bytes: Buffer): string | undefined {
  const start = skipSpace(bytes, bodyStart(bytes), bytes.length);
  if (bytes[start] !== openBrace) return undefined;
  const first = scanElement(bytes, start, bytes.length);
  if (first === undefined) return undefined;
  const rest = skipSpace(bytes, first.end, bytes.length);
  if (bytes[rest] === openBrace) {
    return "the body holds one JSON object after another; send Content-Type: application/x-ndjson, or put them into an array";
  }
  if (rest < bytes.length) return undefined;
  const members = objectMembers(bytes, start, first.end);
  if (members === undefined) return undefined;
  const wrapper = members.find(({ value }) => bytes[value.start] === openBracket);
  if (members.some(({ name }) => name === "event_type" || name === "specversion")) {
    return "the body is a single event; send an array of events";
  }
  return wrapper === undefined
    ? "the body is a JSON object; send an array of events"
    : `the body is a JSON object with an array in "${wrapper.name.slice(0, 64)}"; send the array itself, or one event per line as application/x-ndjson`;
}
