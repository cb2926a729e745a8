/** Replays of this part's dead letters: through the accept path again, as the service that sent the message. */
import type { Queryable } from "../../core/ports/database.ts";
import type { MessageHeader } from "../../core/ports/messages.ts";
import { bytesOf, type DeadSource, partName } from "./dead-messages.ts";
import { textHeaders } from "./message-headers.ts";
import type { Acceptor, Refusal } from "./ports.ts";
import {
  formatOf,
  identityOfMessage,
  type MessageFormat,
  type MessagePlace,
  permissions,
  readMessage,
} from "./read-message.ts";
import { namedSender, refusedPermission, type SenderOptions, senderOf } from "./sender.ts";

interface DeadLetter {
  /** As `DeadMessages.add` wrote it. */
  readonly source: unknown;
  readonly original: Buffer;
  readonly edited: Buffer | null;
}

export type Replayed =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly error: string };

/** Nothing can be stored now: the replay waits. */
class Unavailable extends Error {
  readonly retryable = true;
}

/**
 * The event is stored in a transaction of its own, before the dead letter is resolved. A crash in between repeats the
 * replay, and the event's identity makes it a duplicate.
 */
export function createReplayer(options: SenderOptions & { readonly acceptor: Acceptor }) {
  return {
    part: partName,
    async replay(_connection: Queryable, letter: DeadLetter): Promise<Replayed> {
      const read = readLetter(options, letter);
      if ("reason" in read) return read;
      const [result] = await options.acceptor.accept([read.checked]);
      switch (result?.verdict) {
        case "accepted":
        case "duplicate":
          return { ok: true };
        case "conflict":
        case "rejected":
          return failed(result.code ?? "invalid_event", result.detail ?? result.verdict);
        default:
          throw new Unavailable(result?.detail ?? "the event could not be stored");
      }
    },
  };
}

function readLetter(options: SenderOptions & { readonly acceptor: Acceptor }, letter: DeadLetter) {
  const source = letter.source as DeadSource;
  const headers = headersOf(source);
  const text = textHeaders(headers);
  // the key was removed; the service is that which it belonged to when the message was read
  const sender =
    source.service === null ? senderOf(options, text) : namedSender(options, source.service);
  if ("kind" in sender) {
    if (sender.kind === "unknown") throw new Unavailable(sender.detail);
    return failed(sender.code, sender.detail);
  }
  const format = formatOf(text);
  if (typeof format !== "string") return failed(format.code, format.detail);
  const refused = refusedPermission(sender, permissions[format]);
  if (refused !== undefined) return failed(refused.code, refused.detail);
  const newId = () => identityOfMessage(placeOf(source), text);
  const receipt = options.acceptor.receipt(sender.serviceId, newId);
  const value = letter.edited ?? letter.original;
  const checked = readMessage({ value, headers }, format, receipt);
  if (checked.kind === "refusal") return failed(checked.code, checked.detail);
  return { checked };
}

/** What is wrong with the edited bytes of one of this part's dead letters; undefined when they are an event. */
export function checkEditedMessage(
  bytes: Buffer,
  { source }: { readonly source: unknown },
): string | undefined {
  const headers = headersOf(source as DeadSource);
  const format = formatOf(textHeaders(headers));
  // a content type cannot be edited: then only the form of the event is checked
  const known: MessageFormat = typeof format === "string" ? format : "native";
  const checked = readMessage({ value: bytes, headers }, known, {
    serviceId: 0,
    now: Date.now(),
    newId: () => identityOfMessage(placeOf(source as DeadSource), textHeaders(headers)),
  });
  return checked.kind === "record" ? undefined : checked.detail;
}

function headersOf({ headers }: DeadSource): MessageHeader[] {
  return headers.map(([name, value]) => [bytesOf(name), value === null ? null : bytesOf(value)]);
}

function placeOf({ topic_id, partition, offset }: DeadSource): MessagePlace {
  return { topicId: topic_id, partition, offset: BigInt(offset) };
}

function failed(reason: Refusal["code"], error: string): Replayed & { readonly ok: false } {
  return { ok: false, reason, error };
}
