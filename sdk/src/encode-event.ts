import type { ClientEvent } from "./types.ts";
import { uuidV7 } from "./uuid-v7.ts";

export type EncodedEvent = { readonly event_id: string; readonly event_type: string } & (
  | { readonly json: string; readonly bytes: number }
  | { readonly problem: string }
);

/**
 * The event as it will be sent, with an id and a timestamp if it had none. Encoded once: every attempt
 * sends the same bytes, so a retry can never be a conflict. Never throws.
 */
export function encodeEvent(event: ClientEvent, nowMs: number): EncodedEvent {
  const event_id = event?.event_id ?? uuidV7(nowMs, crypto.getRandomValues(new Uint8Array(16)));
  const event_type = String(event?.event_type);
  try {
    const timestamp =
      event.timestamp instanceof Date
        ? event.timestamp.toISOString()
        : (event.timestamp ?? new Date(nowMs).toISOString());
    const json = JSON.stringify({ ...event, event_id, timestamp });
    return { event_id, event_type, json, bytes: utf8Length(json) };
  } catch (error) {
    return {
      event_id,
      event_type,
      problem: error instanceof Error ? error.message : String(error),
    };
  }
}

export function utf8Length(text: string): number {
  return typeof Buffer === "undefined"
    ? new TextEncoder().encode(text).length
    : Buffer.byteLength(text);
}
