/** The result of validating a sent event: a row for the raw log, or a rejection. */
import type { Decimal } from "../decimal.ts";
import { isCanonicalUuid, uuidOfText } from "../uuid.ts";

/** How to read `payload`: the values of raw.events.format. */
export const formats = { native: 0, segment: 1, cloudevents: 2 } as const;
export type Format = (typeof formats)[keyof typeof formats];

/** A valid event: its facts, extracted once, and the bytes that were sent. */
export interface EventRecord {
  readonly kind: "record";
  readonly serviceId: number;
  readonly format: Format;
  /** The id in the answer: as the sender wrote it, or as the server created it. */
  readonly answerId: string;
  /** Canonical UUID. */
  readonly eventId: string;
  /** The sent identity if it is no canonical UUID. */
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
  /** The stored text is `body[start, end)`: a view, so that it is not copied before it is written. */
  readonly body: Buffer;
  readonly start: number;
  readonly end: number;
}

/** A rejected event; its neighbours are not affected. */
export interface Rejection {
  readonly kind: "rejection";
  readonly answerId: string | null;
  /** `unavailable`: the event may be right; the sender sends it again. */
  readonly code: "invalid_event" | "too_large" | "malformed_json" | "unavailable";
  /** Which member, what is wrong with it, and how to fix it. */
  readonly detail: string;
  /** JSON Pointer (RFC 6901) into the event. */
  readonly pointer: string;
}

export type Checked = EventRecord | Rejection;

/** Only used for events that `now` places too far in the future. */
export interface ReceiptClock {
  /** The latest that it can be, in milliseconds since 1970. */
  latest(): number;
  /** Whether a clock of Weir is known to be wrong. */
  inDoubt(): boolean;
}

/** What is known about a request before its events are validated. */
export interface Receipt {
  readonly serviceId: number;
  /** Milliseconds since 1970, when the request arrived. */
  readonly now: number;
  /** Absent: `now` alone decides. */
  readonly clock?: ReceiptClock;
  /** A canonical UUID for an event without an identity. */
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

/** `text` is the id from the sender; without one the server creates an id. */
export function identityOf(text: string | null | undefined, receipt: Receipt): Identity {
  if (text === null || text === undefined) {
    const made = receipt.newId();
    return { answerId: made, eventId: made, eventRef: null };
  }
  if (isCanonicalUuid(text)) return { answerId: text, eventId: text, eventRef: null };
  return { answerId: text, eventId: uuidOfText(text), eventRef: text };
}
