/** Reads an event again as it is stored in the raw log or in a dead letter. */
import { checkCloudEvent } from "./cloudevents.ts";
import { readBody } from "./element.ts";
import { scanSingle } from "./json-scan.ts";
import { checkNative } from "./native.ts";
import { type Checked, formats, type Receipt } from "./record.ts";
import { checkSegment } from "./segment.ts";

/**
 * The result of the accept path for these bytes. Undefined if they are not the JSON of one event.
 * @param format a value of `formats`; anything else is read as a native event.
 */
export function checkKeptEvent(bytes: Buffer, format: unknown): Checked | undefined {
  const element = scanSingle(bytes);
  if ("malformed" in element) return undefined;
  const body = readBody(bytes);
  const receipt: Receipt = { serviceId: 0, now: Date.now(), clock: accepted, newId: () => noId };
  if (format === formats.cloudevents) return checkCloudEvent(body, element, receipt);
  if (format !== formats.segment) return checkNative(body, element, receipt);
  // the type of a single call was in its path and is not stored; a call about a product is a track
  const type = /"type"\s*:/.test(bytes.toString("latin1")) ? undefined : "track";
  return checkSegment(body, element, { receipt, call: { type, sentAt: undefined } });
}

// it was not too far in the future when it was accepted, whatever the clock says now
const accepted = { latest: () => Number.POSITIVE_INFINITY, inDoubt: () => false };
// its identity is already known
const noId = "00000000-0000-0000-0000-000000000000";
