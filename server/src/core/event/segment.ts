/**
 * Messages of Segment's HTTP tracking API, in the form that its client libraries send
 * (https://segment.com/docs/connections/spec/common/, /connections/sources/catalog/libraries/server/http-api/).
 */
import { eventInstantPattern, limits, linePattern, schema } from "@weir/protocol";
import { parseTimestamp } from "../timestamp.ts";
import { type ContentHash, contentHash } from "./content-hash.ts";
import { type Body, parseElement } from "./element.ts";
import { amountProblem, commerceFacts, isObject, type Members, userKey } from "./facts.ts";
import { leadingMembers, objectMembers } from "./json-members.ts";
import type { Element } from "./json-scan.ts";
import { checkTimestamp, isTooLate, rejectFuture, sentId } from "./native.ts";
import {
  type Checked,
  formats,
  identityOf,
  type Receipt,
  type Rejection,
  reject,
} from "./record.ts";
import { compileCheck } from "./schema.ts";

export const segmentTypes = ["track", "identify", "page", "screen", "group", "alias"] as const;
export type SegmentType = (typeof segmentTypes)[number];

const { nullable, object, optional, string, oneOf, record, unknown } = schema;
const key = () => optional(nullable(string({ maxLength: limits.keyLength })));
const moment = (keywords = {}) => optional(nullable(string(keywords)));
const bag = () => optional(nullable(record(unknown())));

// Open: Segment's clients add their own members (`_metadata`, `integrations`, ...).
export const segmentMessageSchema = object(
  {
    type: optional(oneOf(segmentTypes)),
    messageId: optional(nullable(string({ minLength: 1, maxLength: limits.eventIdLength }))),
    userId: key(),
    anonymousId: key(),
    event: optional(
      string({
        minLength: 1,
        maxLength: limits.eventTypeLength,
        pattern: linePattern,
      }),
    ),
    timestamp: moment({ "x-pattern": eventInstantPattern }),
    originalTimestamp: moment({ "x-pattern": eventInstantPattern }),
    sentAt: moment(),
    properties: bag(),
    traits: bag(),
    context: bag(),
  },
  { $id: "SegmentMessage", additionalProperties: true },
);
const problemOf = compileCheck(segmentMessageSchema);

interface SegmentMessage {
  readonly type?: SegmentType;
  readonly messageId?: string | null;
  readonly userId?: string | null;
  readonly anonymousId?: string | null;
  readonly event?: string;
  readonly timestamp?: string | null;
  readonly originalTimestamp?: string | null;
  readonly sentAt?: string | null;
}

export interface SegmentCall {
  /** From the path (`/v1/track`); in a batch each message has its own. */
  readonly type: SegmentType | undefined;
  /** `sentAt` of the batch; a message's own has precedence. */
  readonly sentAt: string | undefined;
}

/**
 * Segment's rule: the sender's clock is wrong by `now - sentAt`, so an event happened at
 * `now - (sentAt - originalTimestamp)`. Without a usable `sentAt` the timestamp is used as it is.
 */
function occurredAt(
  message: SegmentMessage,
  call: SegmentCall,
  receipt: Receipt,
): number | Rejection {
  const { now } = receipt;
  const pointer = typeof message.originalTimestamp === "string" ? "originalTimestamp" : "timestamp";
  const text = message[pointer];
  if (typeof text !== "string") return now * 1000;
  const sentAt = message.sentAt ?? call.sentAt;
  const sent = sentAt === undefined ? undefined : parseTimestamp(sentAt);
  const original = parseTimestamp(text);
  if (typeof sent !== "number" || typeof original !== "number") {
    return checkTimestamp(text, `/${pointer}`, receipt);
  }
  const corrected = now * 1000 - (sent - original);
  if (corrected >= 0 && !isTooLate(corrected, receipt)) return corrected;
  const problem = "and sentAt place the event before 1970 or more than a day in the future.";
  if (corrected < 0) return reject(`/${pointer}`, problem);
  return rejectFuture(`/${pointer}`, problem, receipt);
}

export function checkSegment(
  body: Body,
  element: Element,
  about: { readonly receipt: Receipt; readonly call: SegmentCall },
): Checked {
  const { receipt, call } = about;
  const parsed = parseElement(body, element);
  if ("kind" in parsed) return parsed;
  const answerId = sentId(parsed.value, "messageId");
  const problem = problemOf(parsed.value);
  if (problem !== undefined) return reject(problem.pointer, problem.problem, { answerId });
  const message = parsed.value as SegmentMessage;
  const type = call.type ?? message.type;
  if (type === undefined) {
    return reject("/type", `is missing. Send one of ${segmentTypes.join(", ")}.`, { answerId });
  }
  if (type === "track" && message.event === undefined) {
    return reject("/event", "is missing. A track call must name its event.", { answerId });
  }
  const occurred = occurredAt(message, call, receipt);
  if (typeof occurred !== "number") return { ...occurred, answerId };
  const facts = type === "track" ? trackFacts(parsed.exact as Members) : noFacts;
  if (facts === undefined) return reject("/properties", amountProblem, { answerId });

  // the message of a single call contains the key and the time of sending
  const stored = call.type === undefined ? element : undefined;
  const kept = stored === undefined ? withoutEnvelope(body.bytes, element) : undefined;
  const bytes = kept?.payload ?? body.bytes;
  const start = stored?.start ?? 0;
  const end = stored?.end ?? bytes.length;
  const content = kept?.content ?? contentHash(bytes, start, end);
  const identity = identityOf(message.messageId, receipt);
  return {
    kind: "record",
    serviceId: receipt.serviceId,
    format: formats.segment,
    answerId: identity.answerId,
    eventId: identity.eventId,
    eventRef: identity.eventRef,
    hashHigh: content.high,
    hashLow: content.low,
    occurredAt: occurred,
    eventType: type === "track" ? (message.event as string) : type,
    userKey: userKey(message.userId, message.anonymousId),
    productKey: facts.productKey,
    amount: facts.amount,
    currency: facts.currency,
    items: facts.items,
    body: bytes,
    start,
    end,
  };
}

const noFacts = { productKey: null, amount: null, currency: null, items: null };

/** https://segment.com/docs/connections/spec/ecommerce/v2/ */
function trackFacts(message: Members): ReturnType<typeof commerceFacts> {
  const properties = message["properties"];
  if (!isObject(properties)) return noFacts;
  return commerceFacts({
    product: {
      id: properties["product_id"] ?? properties["sku"],
      price: properties["price"],
      quantity: properties["quantity"],
    },
    lines: properties["products"],
    revenue: [properties["revenue"], properties["total"], properties["value"]],
    currency: properties["currency"],
  });
}

/**
 * The bytes of a single call without `writeKey`, which is a secret. Its content hash also excludes
 * `sentAt`, which changes with each attempt.
 */
function withoutEnvelope(
  bytes: Buffer,
  element: Element,
): { readonly payload: Buffer; readonly content: ContentHash } {
  const members = objectMembers(bytes, element.start, element.end) ?? [];
  const without = (names: readonly string[]): Buffer => {
    if (!members.some((member) => names.includes(member.name))) {
      return bytes.subarray(element.start, element.end);
    }
    const kept = members.filter((member) => !names.includes(member.name));
    const parts = kept.flatMap((member, n) => [
      Buffer.from(n === 0 ? "{" : ","),
      bytes.subarray(member.at, member.value.end),
    ]);
    return Buffer.concat([...parts, Buffer.from(kept.length === 0 ? "{}" : "}")]);
  };
  const content = without(["writeKey", "sentAt"]);
  return { payload: without(["writeKey"]), content: contentHash(content, 0, content.length) };
}

export interface SegmentBatch {
  /** The value of `batch`, an array to be split; undefined when there is none. */
  readonly batch: Element | undefined;
  readonly sentAt: string | undefined;
}

/** The parts of a /v1/batch body; undefined when it is no object. */
export function segmentBatch(bytes: Buffer): SegmentBatch | undefined {
  const members = objectMembers(bytes);
  if (members === undefined) return undefined;
  // the last member of a name counts, as in JSON.parse
  const last = (name: string) => members.findLast((member) => member.name === name)?.value;
  return { batch: last("batch"), sentAt: stringIn(bytes, last("sentAt")) };
}

/** The string at an element of a body, if it is a valid string. */
function stringIn(bytes: Buffer, element: Element | undefined): string | undefined {
  if (element === undefined || element.flaw !== undefined || bytes[element.start] !== 0x22) {
    return undefined;
  }
  if (element.end - element.start > 1024) return undefined;
  try {
    return JSON.parse(bytes.toString("utf8", element.start, element.end)) as string;
  } catch {
    return undefined;
  }
}

/**
 * The API key in a Segment body, or in its start: what follows may be missing or broken. One pass over
 * the bytes, no parsing, nothing thrown.
 */
export function segmentWriteKey(body: Buffer): string | undefined {
  const found = leadingMembers(body).findLast((member) => member.name === "writeKey");
  return stringIn(body, found?.value);
}
