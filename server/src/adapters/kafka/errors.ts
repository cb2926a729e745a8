/** Errors of the client library as `BrokerError`s that an operator can act on. */
import { BrokerError, type BrokerErrorCode } from "../../core/ports/broker.ts";

/** What the library's errors and those of sockets carry, in any nesting. */
interface Layer {
  readonly message?: unknown;
  /** The broker's own words. */
  readonly serverErrorMessage?: unknown;
  readonly code?: unknown;
  readonly apiId?: unknown;
  readonly closed?: unknown;
  readonly errors?: unknown;
  readonly cause?: unknown;
}

interface Meaning {
  readonly code: BrokerErrorCode;
  readonly says: string;
}

const byApiId: Readonly<Record<string, Meaning>> = {
  SASL_AUTHENTICATION_FAILED: {
    code: "authentication",
    says: "Kafka refuses the user or the password (kafka.sasl)",
  },
  UNSUPPORTED_SASL_MECHANISM: {
    code: "authentication",
    says: "Kafka does not offer the mechanism of kafka.sasl.mechanism",
  },
  ILLEGAL_SASL_STATE: { code: "authentication", says: "Kafka expects another authentication" },
  TOPIC_AUTHORIZATION_FAILED: {
    code: "authorization",
    says: "the user of kafka.sasl lacks a right on the topic",
  },
  GROUP_AUTHORIZATION_FAILED: {
    code: "authorization",
    says: "the user of kafka.sasl lacks a right on the consumer group",
  },
  CLUSTER_AUTHORIZATION_FAILED: {
    code: "authorization",
    says: "the user of kafka.sasl lacks a right on the cluster",
  },
  UNKNOWN_TOPIC_OR_PARTITION: { code: "unknown_topic", says: "the topic does not exist" },
  UNKNOWN_TOPIC_ID: { code: "unknown_topic", says: "the topic does not exist any more" },
  MESSAGE_TOO_LARGE: { code: "too_large", says: "a message is larger than the topic accepts" },
  RECORD_LIST_TOO_LARGE: { code: "too_large", says: "a batch is larger than the topic accepts" },
  NOT_ENOUGH_REPLICAS: {
    code: "not_enough_replicas",
    says: "fewer replicas are in sync than min.insync.replicas",
  },
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: {
    code: "not_enough_replicas",
    says: "fewer replicas are in sync than min.insync.replicas",
  },
  REQUEST_TIMED_OUT: { code: "timeout", says: "the replicas did not answer in time" },
};

const tlsCodes =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO)/;

/** The library reports a closed connection under the same code, whatever closed it. */
const passingApiIds =
  /^(LEADER_NOT_AVAILABLE|NOT_LEADER|BROKER_NOT_AVAILABLE|REPLICA_NOT_AVAILABLE|NETWORK_|COORDINATOR_|NOT_CO|KAFKA_STORAGE|FENCED_LEADER|UNKNOWN_LEADER|OFFSET_NOT_AVAILABLE|REBALANCE_|THROTTLING|STALE_BROKER|UNKNOWN_PRODUCER|OUT_OF_ORDER|CONCURRENT_)/;

/** Every layer of an error: its causes and the errors that it collects, outermost first. */
function* layersOf(error: unknown, depth = 0): Generator<Layer> {
  if (typeof error !== "object" || error === null || depth > 8) return;
  const layer = error as Layer;
  yield layer;
  if (Array.isArray(layer.errors)) {
    for (const inner of layer.errors) yield* layersOf(inner, depth + 1);
  }
  yield* layersOf(layer.cause, depth + 1);
}

/** `error` in the words of an operator; one that is a `BrokerError` already is returned as it is. */
export function asBrokerError(error: unknown): BrokerError {
  if (error instanceof BrokerError) return error;
  const { code, says } = meaningOf([...layersOf(error)]);
  return new BrokerError(says, { code, cause: error });
}

function meaningOf(layers: readonly Layer[]): Meaning {
  for (const { apiId } of layers) {
    const known = typeof apiId === "string" ? byApiId[apiId] : undefined;
    if (known !== undefined) return known;
  }
  const messages = layers.map(({ message, serverErrorMessage }) => {
    const text = serverErrorMessage ?? message;
    return typeof text === "string" ? text : "";
  });
  const innermost =
    messages.findLast((text) => text !== "" && !/^Client closed while/.test(text)) ??
    "unknown error";
  const tls = layers.find(({ code }) => typeof code === "string" && tlsCodes.test(code));
  if (tls !== undefined) {
    const reason = typeof tls.message === "string" ? tls.message : String(tls.code);
    return { code: "tls", says: `the TLS connection to Kafka fails: ${reason}` };
  }
  if (messages.some((text) => /Broker requires TLS|TLS handshake failed/.test(text))) {
    return { code: "tls", says: "one side expects TLS and the other does not (kafka.tls.enabled)" };
  }
  if (layers.some(({ code }) => code === "PLT_KFK_AUTHENTICATION")) {
    // a broker that ends, or one that expects TLS and got something else
    if (messages.includes("Connection closed")) {
      return {
        code: "unavailable",
        says: "Kafka closed the connection during the authentication; perhaps it expects TLS (kafka.tls.enabled)",
      };
    }
    return { code: "authentication", says: `Kafka refuses the authentication: ${innermost}` };
  }
  const unknownTopic = messages.find((message) => /^Unknown topic/.test(message));
  if (unknownTopic !== undefined) {
    return { code: "unknown_topic", says: unknownTopic.replace(/\.$/, " at the broker.") };
  }
  if (layers.some(({ closed }) => closed === true)) {
    return { code: "closed", says: "the client is closed" };
  }
  if (messages.some((message) => /timed out/i.test(message))) {
    return { code: "timeout", says: `Kafka does not answer: ${innermost}` };
  }
  if (layers.some(isPassing)) {
    return { code: "unavailable", says: `Kafka is unavailable: ${innermost}` };
  }
  return { code: "refused", says: `Kafka or its client refuses the call: ${innermost}` };
}

function isPassing({ code, apiId }: Layer): boolean {
  if (typeof apiId === "string") return passingApiIds.test(apiId);
  return typeof code === "string" && /^(PLT_KFK_NETWORK|PLT_KFK_TIMEOUT|E[A-Z]+)$/.test(code);
}
