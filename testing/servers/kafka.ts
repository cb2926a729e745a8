import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CleanUp } from "../database.ts";
import { type Certificate, createCertificate } from "./certificate.ts";
import { requireProgram, runCommand } from "./install/command.ts";
import { kafkaInstall } from "./install/kafka.ts";
import { countBrokers } from "./kafka-request.ts";
import { extend, type Place, type Server, type ServerKind, startServer } from "./server.ts";
import type { Launch } from "./server-process.ts";
import { giveAway } from "./unprivileged-user.ts";

export interface KafkaOptions {
  /** Users and their passwords. With them, or with `tls`, there is a second listener (`secure`). */
  readonly users?: Readonly<Record<string, string>>;
  /** Whether the secure listener speaks TLS. */
  readonly tls?: boolean;
  /** Properties of the broker, beside or instead of the defaults. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Default 512. */
  readonly heapMb?: number;
}

export interface KafkaServer extends Server {
  /** `host:port` of the listener without TLS and passwords. */
  readonly brokers: readonly string[];
  /** The listener with TLS, users (SCRAM-SHA-256, SCRAM-SHA-512, PLAIN) or both. */
  readonly secure: {
    readonly brokers: readonly string[];
    /** PEM text that clients trust; empty without `tls`. */
    readonly ca: string;
  };
}

const clusterId = "d2VpciB0ZXN0IGJyb2tlcg";

/**
 * One Kafka broker in KRaft mode. Topics are not created by use (`auto.create.topics.enable=false`); offsets and
 * transactions have one replica; groups rebalance without delay.
 */
export async function startKafka(t: CleanUp, options: KafkaOptions = {}): Promise<KafkaServer> {
  const server = await startServer(t, kafkaKind, options);
  const address = (port: string) => [`127.0.0.1:${server.ports[port]}`];
  const ca = options.tls === true ? await readFile(join(server.folder, "cert.pem"), "utf8") : "";
  return extend(server, {
    brokers: address("broker"),
    secure: { brokers: address("secure"), ca },
  });
}

export const kafkaKind: ServerKind<KafkaOptions> = {
  install: kafkaInstall,
  ports: ["broker", "controller", "secure"],
  async prepare(place, options) {
    const properties = join(place.folder, "server.properties");
    await writeFile(properties, propertiesText(await propertiesOf(place, options)));
    await writeFile(join(place.folder, "log4j2.properties"), logging);
    await giveAway(place.folder);
    await format(place, { properties, users: options.users ?? {} });
    return java(place, { args: ["kafka.Kafka", properties], heapMb: options.heapMb ?? 512 });
  },
  isHealthy: async ({ ports }) => (await countBrokers(ports["broker"] ?? 0)) > 0,
};

/** Unless there is data. */
async function format(
  place: Place,
  { properties, users }: { properties: string; users: Readonly<Record<string, string>> },
): Promise<void> {
  const scram = Object.entries(users).flatMap(([name, password]) =>
    ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
      "--add-scram",
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  );
  const isFormatted = await readFile(join(place.dataFolder, "meta.properties")).catch(() => {});
  if (isFormatted !== undefined) return;
  const tool = ["kafka.tools.StorageTool", "format", "-t", clusterId, "-c", properties];
  const { command, args } = java(place, { args: [...tool, ...scram], heapMb: 128 });
  await runCommand(command, args, { timeoutMs: 60_000 });
  await giveAway(place.dataFolder);
}

function java(
  place: Place,
  { args, heapMb }: { readonly args: readonly string[]; readonly heapMb: number },
): Launch {
  return {
    command: requireProgram("java", "install a Java of 17 or newer."),
    args: [
      ...[`-Xmx${heapMb}m`, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"],
      // the native codecs unpack themselves there
      `-Djava.io.tmpdir=${place.folder}`,
      `-Dlog4j2.configurationFile=${join(place.folder, "log4j2.properties")}`,
      ...["-cp", join(place.installed.path, "libs", "*"), ...args],
    ],
  };
}

async function propertiesOf(
  place: Place,
  options: KafkaOptions,
): Promise<Readonly<Record<string, string>>> {
  const { broker, controller, secure } = place.ports;
  const isSecure = options.tls === true || options.users !== undefined;
  const listeners = [
    `PLAINTEXT://127.0.0.1:${broker}`,
    ...(isSecure ? [`SECURE://127.0.0.1:${secure}`] : []),
  ].join(",");
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    "controller.listener.names": "CONTROLLER",
    listeners: `${listeners},CONTROLLER://127.0.0.1:${controller}`,
    "advertised.listeners": listeners,
    "listener.security.protocol.map": `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:${protocolOf(options)}`,
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": place.dataFolder,
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    // one node, and few threads and files: it shares a small machine with the tests
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "8388608",
    ...(isSecure ? await securityOf(place, options) : {}),
    ...options.properties,
  };
}

function protocolOf({ users, tls }: KafkaOptions): string {
  if (users === undefined) return tls === true ? "SSL" : "PLAINTEXT";
  return tls === true ? "SASL_SSL" : "SASL_PLAINTEXT";
}

async function securityOf(
  place: Place,
  { users, tls }: KafkaOptions,
): Promise<Record<string, string>> {
  const security = "org.apache.kafka.common.security";
  const scram = `${security}.scram.ScramLoginModule required;`;
  const plain = Object.entries(users ?? {}).map(([name, password]) => `user_${name}="${password}"`);
  const sasl = {
    "sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN",
    "scram-sha-256.sasl.jaas.config": scram,
    "scram-sha-512.sasl.jaas.config": scram,
    "plain.sasl.jaas.config": `${security}.plain.PlainLoginModule required ${plain.join(" ")};`,
  };
  const settings = {
    ...(users === undefined ? {} : sasl),
    ...(tls === true ? await tlsOf(place) : {}),
  };
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`listener.name.secure.${name}`, value]),
  );
}

/** The same certificate after a restart. */
async function tlsOf(place: Place): Promise<Record<string, string>> {
  const store = join(place.folder, "keystore.pem");
  const exists = await readFile(store).catch(() => {});
  if (exists === undefined) {
    const { cert, key }: Certificate = await createCertificate(place.folder);
    await writeFile(store, (await readFile(key, "utf8")) + (await readFile(cert, "utf8")));
  }
  return { "ssl.keystore.type": "PEM", "ssl.keystore.location": store };
}

function propertiesText(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

const logging = `
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1}: %m%n
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
logger.kafka.name = kafka.server
logger.kafka.level = INFO
logger.apache.name = org.apache.kafka.common.utils.AppInfoParser
logger.apache.level = INFO
`;
