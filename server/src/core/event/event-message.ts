/** Messages of topic `events`: what is made of a raw event, and back. */
import { isUtf8 } from "node:buffer";
import {
  type EventFacts,
  type EventFormat,
  type EventKey,
  eventFactsSchema,
  eventFormats,
  eventHeaders,
  eventMessageType,
  eventMessageVersion,
} from "@weir/protocol";
import { objectMembers } from "./json-members.ts";
import { scanSingle } from "./json-scan.ts";
import { compileCheck, type SchemaProblem } from "./schema.ts";

/** A row of `raw.events`, with its service's name and the incarnation it was read in. */
export interface LoggedEvent {
  readonly service: string;
  readonly serviceId: number;
  /** A value of `formats`. */
  readonly format: number;
  /** Canonical UUID. */
  readonly eventId: string;
  readonly eventRef: string | null;
  readonly eventType: string;
  /** RFC 3339 in UTC with microseconds: `2024-01-15T10:30:00.000000Z`. */
  readonly occurredAt: string;
  readonly receivedAt: string;
  readonly userKey: string | null;
  readonly productKey: string | null;
  /** As PostgreSQL prints a numeric. */
  readonly amount: string | null;
  readonly currency: string | null;
  /** JSON text as stored. */
  readonly items: string | null;
  readonly xid: string;
  readonly incarnation: string;
  /** JSON text as sent, valid UTF-8. */
  readonly payload: string | Buffer;
}

const formatNames: readonly EventFormat[] = eventFormats;
const quote = JSON.stringify;

/**
 * The value of the message. The payload is copied into it as it is: neither parsed nor written again,
 * so numbers, the order of members and white space stay as sent.
 */
export function eventMessageValue(event: LoggedEvent): Buffer {
  const head = `{"version":${eventMessageVersion},"service":${quote(event.service)},"service_id":${event.serviceId},"format":"${formatName(event.format)}","id":"${event.eventId}","event_id":${quote(sentIdOf(event))},"event_type":${quote(event.eventType)},"occurred_at":"${event.occurredAt}","received_at":"${event.receivedAt}","user_key":${quote(event.userKey)},"product_key":${quote(event.productKey)},"amount":${quote(event.amount)},"currency":${quote(event.currency)},"items":${event.items ?? "null"},"xid":"${event.xid}","incarnation":${quote(event.incarnation)},"event":`;
  if (typeof event.payload === "string") return Buffer.from(`${head}${event.payload}}`);
  const room = Buffer.byteLength(head);
  const value = Buffer.allocUnsafe(room + event.payload.length + 1);
  value.write(head);
  event.payload.copy(value, room);
  value[value.length - 1] = 0x7d;
  return value;
}

/** The key of the message: events of one user, or of one product, are in one partition, in order. */
export function eventMessageKey(
  event: Pick<LoggedEvent, "userKey" | "productKey" | "eventId">,
  by: EventKey,
): string {
  return (by === "user" ? event.userKey : event.productKey) ?? event.eventId;
}

/** The headers of the message, as text. */
export function eventMessageHeaders(
  event: Pick<LoggedEvent, "service" | "eventType" | "eventId" | "eventRef">,
  traceparent?: string,
): Record<string, string> {
  const headers: Record<string, string> = {
    [eventHeaders.contentType]: eventMessageType,
    [eventHeaders.service]: event.service,
    [eventHeaders.eventType]: event.eventType,
    [eventHeaders.eventId]: sentIdOf(event),
  };
  if (traceparent !== undefined) headers[eventHeaders.traceparent] = traceparent;
  return headers;
}

function sentIdOf(event: Pick<LoggedEvent, "eventId" | "eventRef">): string {
  return event.eventRef ?? event.eventId;
}

function formatName(format: number): EventFormat {
  const name = formatNames[format];
  if (name === undefined) throw new RangeError(`${format} is no format of a raw event`);
  return name;
}

/** A message that was read: its facts, and a view of the bytes of the event as sent. */
export interface ReadEventMessage {
  readonly facts: EventFacts;
  readonly payload: Buffer;
}

const problemOf = compileCheck(eventFactsSchema);

/** Reads a message's value, or says what is wrong with it. Members that it does not know are ignored. */
export function readEventMessage(value: Buffer): ReadEventMessage | SchemaProblem {
  if (!isUtf8(value)) return { pointer: "", problem: "is not valid UTF-8." };
  const members = "malformed" in scanSingle(value) ? undefined : objectMembers(value);
  if (members === undefined) return { pointer: "", problem: "is not one JSON object." };
  const facts: Record<string, unknown> = {};
  let payload: Buffer | undefined;
  for (const { name, value: found } of members) {
    if (Object.hasOwn(facts, name)) return { pointer: `/${name}`, problem: "is there twice." };
    const bytes = value.subarray(found.start, found.end);
    if (name === "event") {
      if (payload !== undefined) return { pointer: "/event", problem: "is there twice." };
      payload = bytes;
      continue;
    }
    try {
      facts[name] = JSON.parse(bytes.toString("utf8"));
    } catch {
      return { pointer: `/${name}`, problem: "is not valid JSON." };
    }
  }
  const problem = problemOf(facts);
  if (problem !== undefined) return problem;
  if (payload === undefined) return { pointer: "/event", problem: "is missing. Add it." };
  if (payload[0] !== 0x7b) return { pointer: "/event", problem: "must be object." };
  return { facts: facts as EventFacts, payload };
}
