/** How clients of this room connect: brokers, TLS, SASL and time limits. */
import type { BaseOptions, RetryDelayGetter, SASLMechanismValue } from "@platformatic/kafka";
import { jittered } from "../../timing/backoff.ts";

export interface KafkaConnection {
  /** `host:port`, the brokers to ask first. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Limit of a connection with TLS and authentication. */
  readonly connectTimeoutMs: number;
  /** Limit of one request. */
  readonly requestTimeoutMs: number;
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
}

export interface KafkaTls {
  /** PEM; absent: the public authorities. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** What the certificate must name; absent: the broker's host. */
  readonly serverName?: string;
}

export interface KafkaSasl {
  readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  readonly user: string;
  readonly password: string;
}

const mechanisms = {
  plain: "PLAIN",
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
} as const satisfies Record<KafkaSasl["mechanism"], SASLMechanismValue>;

const firstDelayMs = 100;
const lastDelayMs = 2_000;

/** What every client of the library is created with; how often it retries is for each to say. */
export function clientOptions(
  connection: KafkaConnection,
): Omit<BaseOptions, "retryDelay"> & { readonly retryDelay: RetryDelayGetter } {
  const { tls, sasl } = connection;
  return {
    clientId: connection.clientId,
    bootstrapBrokers: [...connection.brokers],
    connectTimeout: connection.connectTimeoutMs,
    requestTimeout: connection.requestTimeoutMs,
    // of the broker, while it waits for replicas: it answers before the request is abandoned
    timeout: Math.max(1, Math.floor(connection.requestTimeoutMs * 0.8)),
    retryDelay: (...[, , attempt]) =>
      jittered(Math.min(firstDelayMs * 2 ** (attempt - 1), lastDelayMs), Math.random),
    autocreateTopics: false,
    ...(tls === undefined ? {} : tlsOptions(tls)),
    ...(sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: mechanisms[sasl.mechanism],
            username: sasl.user,
            password: sasl.password,
          },
        }),
  };
}

function tlsOptions({
  ca,
  cert,
  key,
  serverName,
}: KafkaTls): Pick<BaseOptions, "tls" | "tlsServerName"> {
  return {
    tls: {
      minVersion: "TLSv1.2",
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(serverName === undefined ? {} : { servername: serverName }),
    },
    // `true` sends the host as server name, which is not allowed for an address
    ...(serverName === undefined ? {} : { tlsServerName: serverName }),
  };
}
