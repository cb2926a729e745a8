/** An event as the raw log or a dead letter keeps it, looked at once more. */
import { checkCloudEvent } from "./cloudevents.ts";
import { readBody } from "./element.ts";
import { scanSingle } from "./json-scan.ts";
import { checkNative } from "./native.ts";
import { type Checked, formats, type Receipt } from "./record.ts";
import { checkSegment } from "./segment.ts";

/**
 * What the accept path would make of these bytes. Undefined: they are not the JSON of one event.
 * @param format a value of `formats`; anything else is read as a native event.
 */
export function checkKeptEvent(bytes: Buffer, format: unknown): Checked | undefined {
  const element = scanSingle(bytes);
  if ("malformed" in element) return undefined;
  const body = readBody(bytes);
  const receipt: Receipt = { serviceId: 0, now: Date.now(), newId: () => noId };
  if (format === formats.cloudevents) return checkCloudEvent(body, element, receipt);
  if (format !== formats.segment) return checkNative(body, element, receipt);
  // a single call's type was in its path, and is not kept; what is about a product is a track
  const type = /"type"\s*:/.test(bytes.toString("latin1")) ? undefined : "track";
  return checkSegment(body, element, { receipt, call: { type, sentAt: undefined } });
}

// its identity is known already
const noId = "00000000-0000-0000-0000-000000000000";
