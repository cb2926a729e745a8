/** What the accept path makes of each event that was sent: a row for the raw log, or a rejection. */
import type { Decimal } from "../decimal.ts";
import { isCanonicalUuid, uuidOfText } from "../uuid.ts";

/** How `payload` is to be read: the values of raw.events.format. */
export const formats = { native: 0, segment: 1, cloudevents: 2 } as const;
export type Format = (typeof formats)[keyof typeof formats];

/** An event that may be kept: the facts taken out of it once, and the bytes that were sent. */
export interface EventRecord {
  readonly kind: "record";
  readonly serviceId: number;
  readonly format: Format;
  /** As the sender wrote it, or as the server made it: what the answer says. */
  readonly answerId: string;
  /** Canonical UUID. */
  readonly eventId: string;
  /** What was sent as identity when that is no canonical UUID. */
  readonly eventRef: string | null;
  /** The content's hash (content-hash.ts), two unsigned 32-bit halves. */
  readonly hashHigh: number;
  readonly hashLow: number;
  /** Microseconds since 1970. */
  readonly occurredAt: number;
  readonly eventType: string;
  readonly userKey: string | null;
  readonly productKey: string | null;
  readonly amount: Decimal | null;
  readonly currency: string | null;
  /** JSON text of `[{"id","quantity","amount"}, ...]`. */
  readonly items: string | null;
  /** The stored text is `body[start, end)`: a view, so that nothing is copied before it is written. */
  readonly body: Buffer;
  readonly start: number;
  readonly end: number;
}

/** An event that is refused; its neighbours are not. */
export interface Rejection {
  readonly kind: "rejection";
  readonly answerId: string | null;
  readonly code: "invalid_event" | "too_large" | "malformed_json";
  /** Which member, what is wrong with it, and how to mend it. */
  readonly detail: string;
  /** RFC 6901, into the event. */
  readonly pointer: string;
}

export type Checked = EventRecord | Rejection;

/** What is known about a request before its events are looked at. */
export interface Receipt {
  readonly serviceId: number;
  /** Milliseconds since 1970, when the request arrived. */
  readonly now: number;
  /** A canonical UUID for an event that came without an identity. */
  readonly newId: () => string;
}

export function reject(
  pointer: string,
  problem: string,
  options: { readonly answerId?: string | null; readonly code?: Rejection["code"] } = {},
): Rejection {
  return {
    kind: "rejection",
    answerId: options.answerId ?? null,
    code: options.code ?? "invalid_event",
    detail: `${pointer === "" ? "The event" : pointer} ${problem}`,
    pointer,
  };
}

interface Identity {
  readonly answerId: string;
  readonly eventId: string;
  readonly eventRef: string | null;
}

/** `text` is what the sender calls the event; without one the server makes an id. */
export function identityOf(text: string | null | undefined, receipt: Receipt): Identity {
  if (text === null || text === undefined) {
    const made = receipt.newId();
    return { answerId: made, eventId: made, eventRef: null };
  }
  if (isCanonicalUuid(text)) return { answerId: text, eventId: text, eventRef: null };
  return { answerId: text, eventId: uuidOfText(text), eventRef: text };
}
