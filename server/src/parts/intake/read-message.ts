/** From a message to an event, by its content type. */
import { cloudEventType, messageIdPattern, rawDataHeaders } from "@weir/protocol";
import { messageOf, WeirError } from "../../core/errors.ts";
import { checkBinaryCloudEvent } from "../../core/event/cloudevents-binary.ts";
import type { Checked, Receipt } from "../../core/event/record.ts";
import { checkSingleCloudEvent, checkSingleNative } from "../../core/event/single.ts";
import type { Message } from "../../core/ports/messages.ts";
import { uuidOfText } from "../../core/uuid.ts";
import {
  binaryHeaders,
  isBinaryCloudEvent,
  type TextHeaders,
  textHeaders,
} from "./message-headers.ts";
import type { Refusal } from "./ports.ts";

export type MessageFormat = "native" | "structured" | "binary";

/** The permissions of the HTTP routes for the same events. */
export const permissions: Readonly<Record<MessageFormat, string>> = {
  native: "events.post.event_ingest",
  structured: "events.post.cloudevents_ingest",
  binary: "events.post.cloudevents_ingest",
};

/**
 * What the value of a message is (CloudEvents Kafka Protocol Binding 1.0.2, section 3): a content type that
 * begins with `application/cloudevents` means structured mode, else the attributes in headers mean binary mode.
 */
export function formatOf(headers: TextHeaders): MessageFormat | Refusal {
  const sent = headers.text(rawDataHeaders.contentType);
  const type = mediaType(sent);
  if (type === cloudEventType) return "structured";
  if (type.startsWith("application/cloudevents")) return unsupported(type);
  if (isBinaryCloudEvent(headers)) return "binary";
  if (type === "" || type === "application/json") return "native";
  return unsupported(type);
}

function mediaType(contentType = ""): string {
  const end = contentType.indexOf(";");
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

function unsupported(type: string): Refusal {
  const detail = `the content type "${type.slice(0, 100)}" is not supported: send application/json, ${cloudEventType}, or the attributes of a CloudEvent as headers ce_…`;
  return { kind: "refusal", code: "unsupported_media_type", detail };
}

/** Where a message is, and what a topic of the same name that is created later cannot have. */
export interface MessagePlace {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** Identifies a message: of a dead letter, and of an event without an id, which may be read more than once. */
export function messageKey({ topicId, partition, offset }: MessagePlace): string {
  return `${topicId}/${partition}/${offset}`;
}

const messageId = new RegExp(messageIdPattern, "u");

/** What identifies a message wherever it is read: the header of a copy, else its place. */
export function idOfMessage(place: MessagePlace, headers: TextHeaders): string {
  const sent = headers.text(rawDataHeaders.identity);
  return sent !== undefined && messageId.test(sent) ? sent : messageKey(place);
}

/** The identity of an event that was sent without one: the same each time that its message is read. */
export function identityOfMessage(place: MessagePlace, headers: TextHeaders): string {
  return uuidOfText(`kafka ${idOfMessage(place, headers)}`);
}

/** The event of a message. Never throws: what this cannot read must not stop its partition. */
export function readMessage(
  message: Pick<Message, "value" | "headers">,
  format: MessageFormat,
  receipt: Receipt,
): Checked | Refusal {
  const bytes = message.value ?? Buffer.alloc(0);
  try {
    if (format === "native") return checkSingleNative(bytes, receipt);
    if (format === "structured") return checkSingleCloudEvent(bytes, receipt);
    const contentType = textHeaders(message.headers).text(rawDataHeaders.contentType);
    const headers = binaryHeaders(message.headers, contentType);
    return "kind" in headers ? headers : checkBinaryCloudEvent(bytes, headers, receipt);
  } catch (error) {
    const code = error instanceof WeirError ? error.code : "internal";
    return { kind: "refusal", code, detail: messageOf(error) };
  }
}
