/** Reads one event that is the whole body of a request or the whole value of a message. */
import { WeirError } from "../errors.ts";
import { checkCloudEvent } from "./cloudevents.ts";
import { readBody } from "./element.ts";
import { objectMembers } from "./json-members.ts";
import { type Element, type Malformed, scanSingle } from "./json-scan.ts";
import { checkNative } from "./native.ts";
import type { Checked, Receipt } from "./record.ts";

const openBracket = 0x5b;

/** A native event. @throws WeirError malformed_json */
export function checkSingleNative(bytes: Buffer, receipt: Receipt): Checked {
  const element = singleElement(bytes);
  const checked = checkNative(readBody(bytes), element, receipt);
  if (checked.kind !== "rejection") return checked;
  const hint = singleHint(bytes, element);
  return hint === undefined ? checked : { ...checked, detail: hint, pointer: "" };
}

/** A CloudEvent in structured mode. @throws WeirError malformed_json */
export function checkSingleCloudEvent(bytes: Buffer, receipt: Receipt): Checked {
  return checkCloudEvent(readBody(bytes), singleElement(bytes), receipt);
}

/** The one JSON value of a body. @throws WeirError malformed_json */
export function singleElement(bytes: Buffer): Element {
  return wellFormed(scanSingle(bytes));
}

/** @throws WeirError malformed_json */
export function wellFormed<T extends object>(scanned: T | Malformed): T {
  if (!("malformed" in scanned)) return scanned;
  throw new WeirError("malformed_json", { detail: `${scanned.malformed}, at byte ${scanned.at}` });
}

/**
 * What the sender of a body that is no event most likely meant: an array, or a batch wrapped in an
 * object. Called for rejected events only, so that accepted ones pay nothing for it.
 */
function singleHint(bytes: Buffer, element: Element): string | undefined {
  if (bytes[element.start] === openBracket) {
    return "The body is an array, and one event is expected. Send arrays to POST /api/events/batch.";
  }
  const members = objectMembers(bytes, element.start, element.end) ?? [];
  if (members.some(({ name }) => name === "event_type")) return undefined;
  const wrapper = members.find(({ value }) => bytes[value.start] === openBracket);
  return wrapper === undefined
    ? undefined
    : `The body has an array in "${wrapper.name.slice(0, 64)}" and no event_type. Send several events as an array to POST /api/events/batch.`;
}
