/** The AsyncAPI 3.0 document of the topics and of the live feed: what OpenAPI cannot say. */
import { closeReasons, filterSchema, liveFeed, topics } from "@weir/protocol";
import { frameMessages, messageObject, topicMessages } from "./asyncapi-messages.ts";
import { createSchemaWriter, type Json } from "./openapi-schemas.ts";

interface Channel {
  readonly address: string;
  readonly description: string;
  /** Names of messages. */
  readonly messages: readonly string[];
  /** From Weir's side. */
  readonly operation: { readonly action: "send" | "receive"; readonly summary: string };
}

const topicChannels: Readonly<Record<string, Channel>> = {
  events: {
    address: topics.events,
    description:
      "Every accepted event, at least once: consumers process each `(service_id, id)` once. Messages with one key are in the order of the log, unless the relay was rewound.",
    messages: ["Event"],
    operation: { action: "send", summary: "The relay copies the raw log." },
  },
  rawData: {
    address: topics.rawData,
    description:
      "Events from other systems. The sender is the service of the broker's authenticated principal, or of the key in the header `weir-key`; never what a body says.",
    messages: ["NativeEvent", "StructuredCloudEvent", "BinaryCloudEvent"],
    operation: {
      action: "receive",
      summary: "The intake stores them, with the same checks and limits as HTTP.",
    },
  },
  rawDataDlq: {
    address: topics.rawDataDlq,
    description: `Messages of \`${topics.rawData}\` that were refused; they are dead letters too.`,
    messages: ["RawDataDeadMessage"],
    operation: { action: "send", summary: "The intake sets a refused message aside." },
  },
  eventsDlq: {
    address: topics.eventsDlq,
    description: `Messages of \`${topics.events}\` that the Spark job could not read.`,
    messages: ["EventsDeadMessage"],
    operation: { action: "send", summary: "The Spark job sets an unreadable message aside." },
  },
};

/** Pure: the committed copy is compared without a server. @param version of Weir */
export function asyncApiDocument(version: string): Json {
  const schemas = createSchemaWriter([]);
  const all = { ...topicMessages, ...frameMessages };
  const messages = Object.fromEntries(
    Object.entries(all).map(([name, message]) => [name, messageObject(name, message, schemas)]),
  );
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Weir: topics and live feed",
      version,
      description:
        "The Kafka topics that Weir writes and reads, and the frames of the WebSocket. `send` and `receive` are meant from Weir's side. The HTTP API is in /openapi.json.",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    defaultContentType: "application/json",
    servers,
    channels: {
      ...Object.fromEntries(
        Object.entries(topicChannels).map(([name, channel]) => [name, topicChannel(channel)]),
      ),
      liveFeed: liveChannel(schemas.write(filterSchema, "request")),
    },
    operations: {
      ...Object.fromEntries(
        Object.entries(topicChannels).map(([name, channel]) => topicOperation(name, channel)),
      ),
      ...liveOperations,
    },
    components: { messages, schemas: schemas.components(), securitySchemes },
  };
}

const servers = {
  kafka: {
    host: "localhost:9092",
    protocol: "kafka",
    description: "Yours: `kafka.brokers`. Weir works without one.",
  },
  weir: {
    host: "localhost:8080",
    protocol: "ws",
    description: "Weir; `wss` behind TLS.",
    security: [
      { $ref: "#/components/securitySchemes/apiKey" },
      { $ref: "#/components/securitySchemes/session" },
    ],
  },
};

const securitySchemes = {
  apiKey: {
    type: "httpApiKey",
    in: "header",
    name: "X-API-Key",
    description: "With the permission `live.get.event_feed`.",
  },
  session: { type: "httpApiKey", in: "cookie", name: "weir_session" },
};

function topicChannel({ address, description, messages }: Channel): Json {
  return {
    address,
    description,
    servers: [{ $ref: "#/servers/kafka" }],
    messages: references(messages),
  };
}

function topicOperation(name: string, { operation, messages }: Channel): [string, Json] {
  return [
    `${operation.action}${name[0]?.toUpperCase()}${name.slice(1)}`,
    {
      ...operation,
      channel: { $ref: `#/channels/${name}` },
      messages: messages.map((message) => ({ $ref: `#/channels/${name}/messages/${message}` })),
    },
  ];
}

function references(messages: readonly string[]): Json {
  return Object.fromEntries(
    messages.map((name) => [name, { $ref: `#/components/messages/${name}` }]),
  );
}

/** The query of the handshake is the first filter. */
function liveChannel(filter: Json): Json {
  const codes = Object.entries(closeReasons).map(([name, code]) => `${code} \`${name}\``);
  return {
    address: liveFeed.path,
    description: `The events that are stored, as they are stored. Every frame is one JSON text message; a frame from a client has at most ${liveFeed.maxFrameBytes} bytes. Close codes: ${codes.join(", ")}.`,
    servers: [{ $ref: "#/servers/weir" }],
    messages: references(Object.keys(frameMessages)),
    bindings: {
      ws: {
        method: "GET",
        query: {
          type: "object",
          description: "The first filter; a list is a repeated parameter.",
          properties: {
            cursor: {
              type: "string",
              maxLength: 4096,
              description: "Of the last frame: to continue without a gap.",
            },
          },
          allOf: [filter],
        },
        bindingVersion: "0.1.0",
      },
    },
  };
}

const frameReferences = (from: "Server" | "Client") =>
  Object.keys(frameMessages)
    .filter((name) => name.startsWith(from))
    .map((name) => ({ $ref: `#/channels/liveFeed/messages/${name}` }));

const liveOperations = {
  sendFrames: {
    action: "send",
    summary: "Weir shows events and the state of the feed.",
    channel: { $ref: "#/channels/liveFeed" },
    messages: frameReferences("Server"),
  },
  receiveSubscription: {
    action: "receive",
    summary: "A client replaces its filter.",
    channel: { $ref: "#/channels/liveFeed" },
    messages: frameReferences("Client"),
  },
};
