/**
 * Keeps messages that are no events: first as dead letters in the database, which recognise a message that is read
 * again, then as copies in a topic. A crash in between repeats both, and only the copy is there twice.
 */
import { isUtf8 } from "node:buffer";
import { dlqHeaders, errorCodes, rawDataHeaders } from "@weir/protocol";
import { BrokerError } from "../../core/ports/broker.ts";
import type { Database } from "../../core/ports/database.ts";
import type {
  Message,
  MessageHeader,
  MessageSink,
  OutgoingMessage,
} from "../../core/ports/messages.ts";
import { textHeaders } from "./message-headers.ts";
import type { IntakeObserver, Refusal } from "./ports.ts";
import { formatOf, idOfMessage, messageKey } from "./read-message.ts";

export const partName = "intake";

export interface DeadMessage {
  readonly message: Message;
  readonly refusal: Refusal;
  /** Who sent it; null when that is not certain. */
  readonly service: string | null;
  /** For the right to be forgotten. */
  readonly userKey: string | null;
}

export interface DeadMessages {
  /** Adds dead letters. @returns those that are kept: nothing of an erased user is. @throws DatabaseError */
  add(dead: readonly DeadMessage[]): Promise<readonly DeadMessage[]>;
  /** Copies what was added to the topic of dead letters. @throws BrokerError when it cannot be reached */
  copy(kept: readonly DeadMessage[]): Promise<void>;
}

/** Bytes as a dead letter's `source` holds them. */
export interface KeptBytes {
  readonly encoding: "utf8" | "base64";
  readonly data: string;
}

/** Where a dead letter came from, as the database keeps it. */
export interface DeadSource {
  readonly topic: string;
  readonly topic_id: string;
  readonly partition: number;
  readonly offset: string;
  /** RFC 3339, of the message. */
  readonly timestamp: string;
  readonly service: string | null;
  readonly key: KeptBytes | null;
  /** Without the API key. */
  readonly headers: readonly (readonly [KeptBytes, KeptBytes | null])[];
}

export interface DeadMessageOptions {
  /** As `weir_app`. */
  readonly database: Database;
  readonly sink: MessageSink;
  /** Null: no copies. */
  readonly topic: string | null;
  readonly observer: IntakeObserver;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const timeoutMs = 10_000;

export function createDeadMessages(options: DeadMessageOptions): DeadMessages {
  const { database, sink, topic, observer, now } = options;
  return {
    async add(dead) {
      // neither here nor in a topic, where no erasure reaches it
      const candidates = dead.filter(({ refusal }) => refusal.code !== "user_erased");
      const keys = await addDeadLetters(database, candidates);
      const kept = candidates.filter(({ message }) => keys.has(messageKey(message)));
      observer.erased(dead.length - kept.length);
      for (const { refusal } of kept) observer.deadLetter(refusal.code);
      return kept;
    },
    async copy(kept) {
      if (topic === null || kept.length === 0) return;
      try {
        await sink.send(kept.map((one) => copyOf(one, topic, now())));
      } catch (error) {
        // what the broker refuses for good (too large, no such topic) must not block: the dead letter is kept
        if (!isFinal(error)) throw error;
        observer.copyFailed(error);
      }
    },
  };
}

function isFinal(error: unknown): boolean {
  return error instanceof BrokerError && !error.retryable && error.code !== "closed";
}

async function addDeadLetters(
  database: Database,
  dead: readonly DeadMessage[],
): Promise<ReadonlySet<string>> {
  if (dead.length === 0) return new Set();
  const rows = await database.query<{ key: string }>(
    {
      name: "intake_dead_letters",
      text: `select key from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
               as dead (key, source, reason, error, original, user_key, content_type)
             cross join lateral dlq.add('${partName}', key, source::jsonb, reason, error, decode(original, 'hex'),
               user_key, content_type) as id
             where user_key is null or not exists (
               select from erasure.blocks where user_hash = sha256(convert_to(user_key, 'UTF8')))`,
      values: columnsOf(dead),
    },
    { timeoutMs },
  );
  return new Set(rows.map(({ key }) => key));
}

function columnsOf(dead: readonly DeadMessage[]): unknown[] {
  return [
    dead.map(({ message }) => messageKey(message)),
    dead.map((one) => JSON.stringify(sourceOf(one))),
    dead.map(({ refusal }) => refusal.code),
    dead.map(({ refusal }) => withoutNul(refusal.detail)),
    dead.map(({ message }) => message.value?.toString("hex") ?? ""),
    dead.map(({ userKey }) => userKey),
    dead.map(({ message }) => contentTypeOf(message)),
  ];
}

function sourceOf({ message, service }: DeadMessage): DeadSource {
  const { topic, topicId, partition, offset, timestamp, key } = message;
  return {
    ...{ topic, topic_id: topicId, partition, offset: String(offset) },
    timestamp: new Date(timestamp).toISOString(),
    service,
    key: key === null ? null : keptBytes(key),
    headers: withoutKey(message.headers).map(([name, value]) => [
      keptBytes(name),
      value === null ? null : keptBytes(value),
    ]),
  };
}

/** PostgreSQL stores no NUL in a text. */
function keptBytes(bytes: Buffer): KeptBytes {
  if (isUtf8(bytes) && !bytes.includes(0))
    return { encoding: "utf8", data: bytes.toString("utf8") };
  return { encoding: "base64", data: bytes.toString("base64") };
}

export function bytesOf({ encoding, data }: KeptBytes): Buffer {
  return Buffer.from(data, encoding);
}

function contentTypeOf({ headers }: Message): string {
  const format = formatOf(textHeaders(headers));
  const sent = textHeaders(headers).text(rawDataHeaders.contentType);
  if (sent !== undefined && !sent.includes("\0")) return sent.slice(0, 200);
  return format === "binary" ? "application/octet-stream" : "application/json";
}

function withoutNul(text: string): string {
  return text.replaceAll("\0", "");
}

/** An API key is a secret: a reader of dead letters must not be able to send events with it. */
function withoutKey(headers: readonly MessageHeader[]): readonly MessageHeader[] {
  return headers.filter(([name]) => name.toString("utf8") !== rawDataHeaders.key);
}

/** Whether Weir added this header to a copy of a message. */
function isAddedHeader(name: Buffer): boolean {
  const text = name.toString("utf8");
  return text.startsWith("weir-dlq-") || text === rawDataHeaders.identity;
}

/** Headers of an earlier copy that was produced again are replaced. */
function copyOf({ message, refusal }: DeadMessage, topic: string, now: number): OutgoingMessage {
  const { code, detail } = refusal;
  const added: Record<string, string> = {
    [dlqHeaders.reason]: code,
    ...((errorCodes as readonly string[]).includes(code) ? { [dlqHeaders.code]: code } : {}),
    [dlqHeaders.detail]: detail,
    [dlqHeaders.topic]: message.topic,
    [dlqHeaders.partition]: String(message.partition),
    [dlqHeaders.offset]: String(message.offset),
    [dlqHeaders.time]: new Date(now).toISOString(),
    [rawDataHeaders.identity]: idOfMessage(message, textHeaders(message.headers)),
  };
  const headers: MessageHeader[] = Object.entries(added).map(([name, value]) => [
    Buffer.from(name),
    Buffer.from(value),
  ]);
  const { key, value } = message;
  const own = withoutKey(message.headers).filter(([name]) => !isAddedHeader(name));
  return { topic, key, value, headers: [...own, ...headers] };
}
