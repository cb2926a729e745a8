import { uuidOfText } from "../../core/uuid.ts";

/** The header `webhook-id`: of the event and its subscription, so that it is the same at each attempt and in a replay. */
export function deliveryId(
  subscription: string,
  event: { readonly serviceId: number; readonly eventId: string },
): string {
  return `msg_${uuidOfText(`${subscription}/${event.serviceId}/${event.eventId}`).replaceAll("-", "")}`;
}
