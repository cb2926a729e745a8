/** The secrets of compose.yaml: what each file holds, and how they are created. */
import { createHash } from "node:crypto";
import { generateApiKey, type RandomBytes, randomText } from "../core/access/api-key.ts";

export interface SecretFile {
  /** Its name in the folder, and in `secrets:` of compose.yaml. */
  readonly name: string;
  readonly holds: string;
  /** @param read the content of a secret that stands before this one in the list */
  create(random: RandomBytes, read: (name: string) => string): string;
}

/** 190 random bits, in characters that need no escaping in URLs, YAML and configuration files. */
const passwordLength = 32;
const keyEnvironment = "prod";

const password = (name: string, holds: string): SecretFile => ({
  name,
  holds,
  create: (random) => randomText(passwordLength, random),
});
const databaseUrl = (name: string, role: string): SecretFile => ({
  name,
  holds: `URL of the database for the login ${role}`,
  create: (random) =>
    `postgresql://${role}:${randomText(passwordLength, random)}@postgres:5432/weir`,
});
const apiKey = (name: string, holds: string): SecretFile => ({
  name,
  holds,
  create: (random) => generateApiKey(keyEnvironment, random).text,
});

/** In the order in which they are created: some hold what another one holds, in the form of another server. */
export const secretFiles: readonly SecretFile[] = [
  password("postgres_password", "password of PostgreSQL's superuser"),
  databaseUrl("database_url", "weir_owner"),
  databaseUrl("database_app_url", "weir_app"),
  databaseUrl("database_ingest_url", "weir_ingest"),
  databaseUrl("database_spark_url", "weir_spark"),
  apiKey("admin_key", "key of the first administrator"),
  apiKey("metrics_key", "key with which Prometheus reads the metrics"),
  password("redis_password", "password of Redis"),
  {
    name: "redis_url",
    holds: "URL of Redis for the user weir",
    create: (_random, read) => `redis://weir:${read("redis_password")}@redis:6379`,
  },
  {
    name: "redis_users",
    holds: "users of Redis, with the hash of the password",
    create: (_random, read) => redisUsers(read("redis_password")),
  },
  password("qdrant_api_key", "API key of Qdrant"),
  {
    name: "qdrant_config",
    holds: "the API key in the form of Qdrant's configuration",
    create: (_random, read) => `service:\n  api_key: ${read("qdrant_api_key")}`,
  },
  password("rabbitmq_password", "password of RabbitMQ"),
  {
    name: "rabbitmq_config",
    holds: "the user and password in the form of RabbitMQ's configuration",
    create: (_random, read) => `default_user = weir\ndefault_pass = ${read("rabbitmq_password")}`,
  },
  password("grafana_password", "password of Grafana's administrator"),
];

/** Without the user `default`, so that no connection works without the password. */
function redisUsers(text: string): string {
  const hash = createHash("sha256").update(text).digest("hex");
  return `user default off\nuser weir on #${hash} ~weir:* &weir:* +@all -@admin -@dangerous +info`;
}
