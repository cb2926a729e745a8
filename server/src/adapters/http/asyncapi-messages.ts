/** The messages of topics and the frames of the live feed, for the AsyncAPI document. */
import {
  clientFrames,
  cloudEventHeadersSchema,
  cloudEventType,
  dlqHeaders,
  dlqHeadersSchema,
  eventHeaders,
  eventHeadersSchema,
  eventMessageSchema,
  eventMessageType,
  eventSchema,
  rawDataHeadersSchema,
  type Schema,
  serverFrames,
  topics,
} from "@weir/protocol";
import { cloudEventSchema } from "../../core/event/cloudevents.ts";
import type { Json, SchemaWriter, Use } from "./openapi-schemas.ts";

interface Message {
  readonly title: string;
  readonly summary: string;
  readonly contentType: string;
  /** Sent to Weir: described as strictly as Weir reads it. */
  readonly use: Use;
  readonly payload: Schema<unknown>;
  readonly headers?: Schema<unknown>;
  readonly examples: readonly { readonly headers?: unknown; readonly payload: unknown }[];
  /** What a Kafka message is keyed by. */
  readonly key?: string;
}

const [eventExample] = eventMessageSchema["examples"] as [Json];
const [nativeExample] = eventSchema["examples"] as [Json];
const [cloudExample] = cloudEventSchema["examples"] as [Json];
const [dlqHeadersExample] = dlqHeadersSchema["examples"] as [Json];
/** Whatever was read, so nothing is promised about it. */
const anyBytes: Schema<unknown> = { description: "The bytes of the message, unchanged." };

const deadMessage = (topic: string): Message => ({
  title: "A message that could not be processed",
  summary: `Key, headers and bytes of the message of \`${topic}\`, and why and where it was refused.`,
  contentType: "application/octet-stream",
  use: "response",
  payload: anyBytes,
  headers: dlqHeadersSchema,
  examples: [
    {
      headers: { ...dlqHeadersExample, [dlqHeaders.topic]: topic },
      payload: '{"timestamp":"yesterday"}',
    },
  ],
  key: "The key of the message.",
});

/** By the name that the document uses. */
export const topicMessages: Readonly<Record<string, Message>> = {
  Event: {
    title: "An accepted event",
    summary: "The facts that Weir derived from it, and the event byte for byte as it was sent.",
    contentType: eventMessageType,
    use: "response",
    payload: eventMessageSchema,
    headers: eventHeadersSchema,
    examples: [
      {
        headers: {
          [eventHeaders.contentType]: eventMessageType,
          [eventHeaders.service]: eventExample["service"],
          [eventHeaders.eventType]: eventExample["event_type"],
          [eventHeaders.eventId]: eventExample["event_id"],
        },
        payload: eventExample,
      },
    ],
    key: "The user, or the product, by `relay.key`; without one, `id` of the value.",
  },
  NativeEvent: {
    title: "An event",
    summary: "One event a message, in Weir's own form.",
    contentType: "application/json",
    use: "request",
    payload: eventSchema,
    headers: rawDataHeadersSchema,
    examples: [{ headers: { "content-type": "application/json" }, payload: nativeExample }],
    key: "Any; messages with one key stay in order. The user is a good choice.",
  },
  StructuredCloudEvent: {
    title: "A CloudEvent in structured mode",
    summary: "The content type tells it from an event of Weir's own form.",
    contentType: cloudEventType,
    use: "request",
    payload: cloudEventSchema,
    headers: rawDataHeadersSchema,
    examples: [{ headers: { "content-type": cloudEventType }, payload: cloudExample }],
    key: "Any; messages with one key stay in order.",
  },
  BinaryCloudEvent: {
    title: "A CloudEvent in binary mode",
    summary: "The attributes are headers, the value is the data.",
    contentType: "application/json",
    use: "request",
    payload: { "x-ignored": true, description: "The data of the event." },
    headers: cloudEventHeadersSchema,
    examples: [
      {
        headers: {
          ce_specversion: "1.0",
          ce_id: "order-42",
          ce_source: "/checkout",
          ce_type: "order.created",
          "content-type": "application/json",
        },
        payload: { user_id: "user123" },
      },
    ],
    key: "Any; messages with one key stay in order.",
  },
  RawDataDeadMessage: deadMessage(topics.rawData),
  EventsDeadMessage: deadMessage(topics.events),
};

/** By the name that the document uses: `ServerHello`, `ClientSubscribe`. */
export const frameMessages: Readonly<Record<string, Message>> = Object.fromEntries([
  ...Object.entries(serverFrames).map(([type, frame]) => frameMessage("Server", type, frame)),
  ...Object.entries(clientFrames).map(([type, frame]) => frameMessage("Client", type, frame)),
]);

function frameMessage(
  from: "Server" | "Client",
  type: string,
  frame: Schema<unknown>,
): [string, Message] {
  return [
    `${from}${type[0]?.toUpperCase()}${type.slice(1)}`,
    {
      title: type,
      summary: String(frame["description"]),
      contentType: "application/json",
      use: from === "Server" ? "response" : "request",
      payload: frame,
      examples: (frame["examples"] as unknown[]).map((payload) => ({ payload })),
    },
  ];
}

/** A Message Object of AsyncAPI 3.0. */
export function messageObject(name: string, message: Message, { write }: SchemaWriter): Json {
  const { title, summary, contentType, use, payload, headers, examples, key } = message;
  return {
    name,
    title,
    summary,
    contentType,
    ...(headers === undefined ? {} : { headers: write(headers, use) }),
    payload: write(payload, use),
    examples,
    ...(key === undefined
      ? {}
      : {
          bindings: {
            kafka: { key: { type: "string", description: key }, bindingVersion: "0.5.0" },
          },
        }),
  };
}
