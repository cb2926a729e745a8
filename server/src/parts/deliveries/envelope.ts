/** The body of a webhook: the event as it was sent, in the envelope of Standard Webhooks. */
import { isObject } from "../../core/event/facts.ts";
import type { ReadEvent } from "./read-event.ts";

const quote = JSON.stringify;

/**
 * `{ type, timestamp, id, source, received_at, data }`. Without a projection `data` is the payload byte for byte: numbers,
 * the order of members and white space are as sent.
 */
export function envelope(event: ReadEvent, projection: readonly string[] | null): string {
  const { logged } = event;
  const data = projection === null ? String(logged.payload) : project(event, projection);
  return `{"type":${quote(logged.eventType)},"timestamp":"${logged.occurredAt}","id":${quote(logged.eventRef ?? logged.eventId)},"source":${quote(logged.service)},"received_at":"${logged.receivedAt}","data":${data}}`;
}

/** The members that the pointers name, where they are in the event; numbers keep all of their digits. */
function project(event: ReadEvent, pointers: readonly string[]): string {
  const exact = parseExact(String(event.logged.payload));
  const result: Record<string, unknown> = {};
  for (const pointer of pointers) copy(exact, result, readPointer(pointer));
  return quote(result);
}

/** RFC 6901. */
function readPointer(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function copy(from: unknown, to: Record<string, unknown>, path: readonly string[]): void {
  const [name = "", ...rest] = path;
  if (!isObject(from) || !Object.hasOwn(from, name)) return;
  if (rest.length === 0) define(to, name, from[name]);
  else {
    const known = Object.hasOwn(to, name) ? to[name] : undefined;
    const inner = isObject(known) ? { ...known } : {};
    copy(from[name], inner, rest);
    if (Object.keys(inner).length > 0) define(to, name, inner);
  }
}

/** A member named `__proto__` is a member. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, {
    ...{ value, enumerable: true, configurable: true, writable: true },
  });
}

interface ReviverContext {
  readonly source?: string;
}

function parseExact(text: string): unknown {
  const keepNumber = (_name: string, value: unknown, context?: ReviverContext) =>
    typeof value === "number" && context?.source !== undefined
      ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(context.source)
      : value;
  return JSON.parse(text, keepNumber as Parameters<typeof JSON.parse>[1]) as unknown;
}

/** Where the formats have the id of an order. */
const orderIdPaths: readonly (readonly string[])[] = [
  ["properties", "order_id"],
  ["data", "properties", "order_id"],
  ["data", "order_id"],
  ["order_id"],
];
const longestKey = 256;

/** Null when the event names no order. */
export function orderIdIn(payload: unknown): string | null {
  for (const path of orderIdPaths) {
    let value = payload;
    for (const name of path) {
      value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    }
    if (typeof value === "number") return String(value);
    if (typeof value === "string" && value !== "") return value.slice(0, longestKey);
  }
  return null;
}
