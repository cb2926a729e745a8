/** The native event: validated against the protocol's schema, then its facts. */
import { eventSchema, limits, type WeirEvent } from "@weir/protocol";
import { parseTimestamp } from "../timestamp.ts";
import { contentHash } from "./content-hash.ts";
import { type Body, parseElement } from "./element.ts";
import { amountProblem, commerceFacts, type Members, userKey } from "./facts.ts";
import type { Element } from "./json-scan.ts";
import {
  type Checked,
  formats,
  identityOf,
  type Receipt,
  type Rejection,
  reject,
} from "./record.ts";
import { compileCheck } from "./schema.ts";

const problemOf = compileCheck(eventSchema);

const timestampProblems = {
  form: "is not an RFC 3339 timestamp with an offset. Write it as 2024-01-15T10:30:00Z.",
  calendar: "names a day or a time that does not exist.",
  past: "is before 1970. Check the unit and the clock.",
  future: "is more than 24 hours in the future. Check the sender's clock.",
} as const;

type Clocks = Pick<Receipt, "now" | "clock">;

/** Microseconds of a valid timestamp, or the rejection. */
export function checkTimestamp(text: string, pointer: string, clocks: Clocks): number | Rejection {
  const micros = parseTimestamp(text);
  if (typeof micros === "string") return reject(pointer, timestampProblems[micros]);
  if (micros < 0) return reject(pointer, timestampProblems.past);
  if (!isTooLate(micros, clocks)) return micros;
  return rejectFuture(pointer, timestampProblems.future, clocks);
}

/** Whether it is more than a day after the latest time that a clock of Weir shows. */
export function isTooLate(micros: number, { now, clock }: Clocks): boolean {
  if (micros <= (now + limits.futureMs) * 1000) return false;
  return clock === undefined || micros > (clock.latest() + limits.futureMs) * 1000;
}

/** While a clock of Weir is wrong, the event may be right: it is not rejected for good. */
export function rejectFuture(pointer: string, problem: string, { clock }: Clocks): Rejection {
  if (clock?.inDoubt() !== true) return reject(pointer, problem);
  return reject(
    pointer,
    "is more than 24 hours ahead of Weir's clocks, which contradict each other at the moment. Send it again later.",
    { code: "unavailable" },
  );
}

/** The id in `member`, for the answer for a rejected event. */
export function sentId(value: unknown, member: string): string | null {
  const id = (value as Members | null)?.[member];
  return typeof id === "string" && id.length <= 1024 ? id : null;
}

export function checkNative(body: Body, element: Element, receipt: Receipt): Checked {
  const parsed = parseElement(body, element);
  if ("kind" in parsed) return parsed;
  const problem = problemOf(parsed.value);
  if (problem !== undefined) {
    const answerId = sentId(parsed.value, "event_id");
    return reject(problem.pointer, problem.problem, { answerId });
  }
  const event = parsed.value as WeirEvent;
  let occurredAt = receipt.now * 1000;
  if (typeof event.timestamp === "string") {
    const found = checkTimestamp(event.timestamp, "/timestamp", receipt);
    if (typeof found !== "number") return { ...found, answerId: event.event_id ?? null };
    occurredAt = found;
  }
  const exact = parsed.exact as {
    readonly product?: Members | null;
    readonly properties?: Members | null;
  };
  const facts = commerceFacts({
    product: exact.product ?? undefined,
    lines: exact.properties?.["products"],
    revenue: [exact.properties?.["revenue"]],
    currency:
      exact.properties?.["revenue"] === undefined
        ? (exact.product?.["currency"] ?? exact.properties?.["currency"])
        : exact.properties["currency"],
  });
  if (facts === undefined) return reject("", amountProblem, { answerId: event.event_id ?? null });

  const { start, end } = element;
  const identity = identityOf(event.event_id, receipt);
  const content = contentHash(body.bytes, start, end);
  return {
    kind: "record",
    serviceId: receipt.serviceId,
    format: formats.native,
    answerId: identity.answerId,
    eventId: identity.eventId,
    eventRef: identity.eventRef,
    hashHigh: content.high,
    hashLow: content.low,
    occurredAt,
    eventType: event.event_type,
    userKey: userKey(event.user_id, event.anonymous_id),
    productKey: facts.productKey,
    amount: facts.amount,
    currency: facts.currency,
    items: facts.items,
    body: body.bytes,
    start,
    end,
  };
}
