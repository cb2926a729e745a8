import type { LiveEvent } from "../../core/ports/live-log.ts";

/** The text of an `event` frame. The payload is passed through as sent: parsing would round its numbers. */
export function eventFrame(cursor: string, event: LiveEvent): string {
  const members = JSON.stringify({
    event_id: event.eventRef ?? event.eventId,
    event_type: event.eventType,
    source: event.source,
    format: event.format,
    received_at: event.receivedAt,
    occurred_at: event.occurredAt,
    user_id: event.userKey,
    product_id: event.productKey,
  });
  return `{"type":"event","cursor":"${cursor}","event":${members.slice(0, -1)},"payload":${event.payload}}}`;
}
