/** Headers of a message as text. Kafka allows any bytes, and the same name more than once. */
import { isUtf8 } from "node:buffer";
import { rawDataHeaders } from "@weir/protocol";
import type { BinaryHeaders } from "../../core/event/cloudevents-binary.ts";
import type { MessageHeader } from "../../core/ports/messages.ts";
import type { Refusal } from "./ports.ts";

export interface TextHeaders {
  /** The values of a header, in order. */
  all(name: string): readonly (Buffer | null)[];
  /** The text of the last header with this name; undefined without one, or if it is not UTF-8. */
  text(name: string): string | undefined;
}

export function textHeaders(headers: readonly MessageHeader[]): TextHeaders {
  const names = headers.map(([name]) => name.toString("utf8"));
  const all = (name: string) =>
    headers.filter((_header, n) => names[n] === name).map(([, value]) => value);
  return {
    all,
    text(name) {
      const value = all(name).at(-1);
      return value === undefined || value === null ? undefined : utf8(value);
    },
  };
}

const prefix = rawDataHeaders.cloudEventPrefix;

/** Whether a message is a CloudEvent whose attributes are headers. */
export function isBinaryCloudEvent(headers: TextHeaders): boolean {
  return headers.all(`${prefix}specversion`).length > 0 || headers.all(`${prefix}id`).length > 0;
}

/** The attributes of a binary-mode CloudEvent: UTF-8, not encoded as they are in HTTP. */
export function binaryHeaders(
  headers: readonly MessageHeader[],
  contentType: string | undefined,
): BinaryHeaders | Refusal {
  const attributes = new Map<string, string>();
  for (const [header, value] of headers) {
    const name = header.toString("utf8");
    if (!name.startsWith(prefix)) continue;
    const attribute = name.slice(prefix.length);
    const text = value === null ? undefined : utf8(value);
    if (text === undefined) {
      const detail = `/${attribute} is not valid UTF-8 in the header ${name}. Encode it as UTF-8.`;
      return { kind: "refusal", code: "invalid_event", detail };
    }
    if (attributes.has(attribute)) {
      const detail = `/${attribute} is there twice: header ${name}. Send it once.`;
      return { kind: "refusal", code: "invalid_event", detail };
    }
    attributes.set(attribute, text);
  }
  return { attributes, contentType };
}

function utf8(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString("utf8") : undefined;
}
