/** Messages of the topic `events`, and requests of them that are small enough for the broker. */
import { type EventKey, eventHeaders } from "@weir/protocol";
import {
  eventMessageHeaders,
  eventMessageKey,
  eventMessageValue,
  type LoggedEvent,
} from "../../core/event/event-message.ts";
import type { RelayMessage } from "./ports.ts";

export interface Request {
  readonly messages: readonly RelayMessage[];
  readonly bytes: number;
}

/**
 * Of one request. A broker accepts 1 MiB for a batch of one partition, and all messages of a request may be of one; an
 * event has 64 KiB at most.
 */
const requestBytes = 768 * 1_024;
/** Of each message, for the framing of the protocol and the objects around it in memory. */
const overheadBytes = 100;
const knownTexts = 2_000;

export interface MessageMaker {
  /** In the order of the events. */
  requests(events: readonly LoggedEvent[]): Request[];
}

export function createMessageMaker(key: EventKey): MessageMaker {
  // services and event types repeat
  const texts = new Map<string, Buffer>();
  const bytesOf = (text: string): Buffer => {
    const known = texts.get(text);
    if (known !== undefined) return known;
    const made = Buffer.from(text);
    if (texts.size < knownTexts && text.length < 200) texts.set(text, made);
    return made;
  };

  function messageOf(event: LoggedEvent): RelayMessage {
    const headers = new Map<Buffer, Buffer>();
    for (const [name, text] of Object.entries(eventMessageHeaders(event))) {
      headers.set(bytesOf(name), name === eventHeaders.eventId ? Buffer.from(text) : bytesOf(text));
    }
    return {
      key: Buffer.from(eventMessageKey(event, key)),
      value: eventMessageValue(event),
      headers,
    };
  }

  return {
    requests(events) {
      const made: Request[] = [];
      let messages: RelayMessage[] = [];
      let bytes = 0;
      for (const event of events) {
        const message = messageOf(event);
        const size = sizeOf(message);
        if (bytes + size > requestBytes && messages.length > 0) {
          made.push({ messages, bytes });
          messages = [];
          bytes = 0;
        }
        messages.push(message);
        bytes += size;
      }
      if (messages.length > 0) made.push({ messages, bytes });
      return made;
    },
  };
}

function sizeOf({ key, value, headers }: RelayMessage): number {
  let bytes = overheadBytes + key.length + value.length;
  for (const [name, text] of headers) bytes += name.length + text.length;
  return bytes;
}
