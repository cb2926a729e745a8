import { schema as s } from "@weir/protocol";

const partitions = (count: number) =>
  s.integer({
    default: count,
    minimum: 1,
    maximum: 1_000,
    description: "Partitions of the topic. More can be added later, never fewer.",
  });

const retentionHours = (hours: number) =>
  s.integer({
    default: hours,
    minimum: 1,
    maximum: 87_600,
    description: "Hours for which the broker keeps messages.",
  });

/** Connection to the brokers and the topics on them. Without brokers nothing of this is used. */
export const kafkaSection = s.object({
  brokers: s.array(
    s.string({
      pattern: "^[^\\s:]+:[0-9]{1,5}$|^\\[[0-9a-fA-F:]+\\]:[0-9]{1,5}$",
      "x-expects": "an address such as kafka.example.org:9092",
    }),
    {
      default: [],
      description:
        "Brokers to connect to first, as `host:port`. Empty: no relay, no intake and no connection to Kafka.",
    },
  ),
  client_id: s.string({
    default: "weir",
    pattern: "^[a-zA-Z0-9._-]{1,128}$",
    description: "Name of this installation in the broker's logs and quotas.",
  }),
  compression: s.oneOf(["none", "gzip", "snappy", "lz4", "zstd"], {
    default: "lz4",
    description: "Compression of the messages that Weir produces.",
  }),
  connect_timeout_ms: s.integer({
    default: 5_000,
    minimum: 100,
    maximum: 120_000,
    description: "Time limit of a connection, with TLS and authentication.",
  }),
  request_timeout_ms: s.integer({
    default: 10_000,
    minimum: 100,
    maximum: 300_000,
    description: "Time limit of one request to a broker.",
  }),
  tls: s.object({
    enabled: s.boolean({ default: false, description: "Connects with TLS." }),
    ca_file: s.nullable(
      s.string({
        default: null,
        description:
          "File with the PEM certificates of the authority that signed the brokers' certificates. Default: the public authorities.",
      }),
    ),
    cert_file: s.nullable(
      s.string({ default: null, description: "File with the PEM certificate of this client." }),
    ),
    key_file: s.nullable(
      s.string({ default: null, description: "File with the PEM private key of this client." }),
    ),
    server_name: s.nullable(
      s.string({
        default: null,
        description:
          "Name that the brokers' certificates must carry, if it is not the name in `brokers`.",
      }),
    ),
  }),
  sasl: s.object({
    mechanism: s.oneOf(["none", "plain", "scram-sha-256", "scram-sha-512"], {
      default: "none",
      description: "Authentication by user and password.",
    }),
    user: s.nullable(s.string({ default: null, description: "User for SASL." })),
    password: s.nullable(
      s.string({
        default: null,
        "x-secret": true,
        description: "Password for SASL.",
      }),
    ),
  }),
  topics: s.object({
    create: s.boolean({
      default: true,
      description: "Creates missing topics at start. Otherwise a missing topic is an error.",
    }),
    fix: s.boolean({
      default: false,
      description:
        "Adds missing partitions and sets the retention of existing topics at start. Otherwise differences are reported. More partitions move keys to other partitions.",
    }),
    prefix: s.string({
      default: "",
      pattern: "^[a-zA-Z0-9._-]{0,64}$",
      description: "Prefix of the names of all topics, for several installations on one cluster.",
    }),
    replication: s.integer({
      default: 1,
      minimum: 1,
      maximum: 32,
      description: "Copies of each partition. With three brokers or more: 3.",
    }),
    min_insync_replicas: s.integer({
      default: 1,
      minimum: 1,
      maximum: 32,
      description: "Copies that must have a message before it is acknowledged. With 3 copies: 2.",
    }),
    events: s.object({ partitions: partitions(6), retention_hours: retentionHours(168) }),
    raw_data: s.object({ partitions: partitions(6), retention_hours: retentionHours(168) }),
    dlq: s.object({ partitions: partitions(1), retention_hours: retentionHours(720) }),
  }),
});
