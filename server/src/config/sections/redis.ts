import { schema as s } from "@weir/protocol";

export const redisSection = s.object({
  url: s.nullable(
    s.string({
      default: null,
      "x-secret": true,
      pattern: "^rediss?://[^/]+",
      description:
        "URL of Redis: `redis://[user:password@]host:6379[/database]`, or `rediss://` for TLS. Nothing connects to Redis without it.",
    }),
  ),
  username: s.nullable(
    s.string({ default: null, description: "ACL user; replaces the one of the URL." }),
  ),
  password: s.nullable(
    s.string({
      default: null,
      "x-secret": true,
      description: "Password; replaces the one of the URL.",
    }),
  ),
  ca_file: s.nullable(
    s.string({
      default: null,
      description:
        "PEM file with the certificates to trust instead of the system's, for `rediss://`.",
    }),
  ),
  key_prefix: s.string({
    default: "weir:",
    maxLength: 100,
    description:
      "First characters of all keys. Installations that share one Redis need different prefixes.",
  }),
  connect_timeout_ms: s.integer({
    default: 2_000,
    minimum: 100,
    maximum: 60_000,
    description:
      "Time limit of one connection attempt. The limit of a command is `resilience.guards.redis.timeout_ms`.",
  }),
});
