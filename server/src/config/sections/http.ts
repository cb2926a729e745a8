import { schema as s } from "@weir/protocol";

export const httpSection = s.object({
  host: s.string({
    default: "127.0.0.1",
    description: "Address to listen on. The default accepts connections from this machine only.",
  }),
  port: s.integer({
    default: 8080,
    minimum: 0,
    maximum: 65_535,
    description: "Port to listen on; 0 picks a free port.",
  }),
  processes: s.integer({
    default: 1,
    minimum: 1,
    maximum: 64,
    description:
      "HTTP processes that `weir up` starts. They share the port: the system gives each new connection to one of them (Linux and FreeBSD). Each needs a core and 25 database connections to be of use.",
  }),
  trusted_proxies: s.array(s.string(), {
    default: [],
    description: "Addresses or CIDR ranges of proxies whose `X-Forwarded-For` header is trusted.",
  }),
  cors_origins: s.array(s.string({ pattern: "^https?://[^/]+$" }), {
    default: [],
    description: "Origins whose pages may send events with a browser key and open the live feed.",
  }),
  request_timeout_ms: s.integer({
    default: 10_000,
    minimum: 1_000,
    maximum: 120_000,
    description:
      "Time limit for receiving a complete request, and for a client that stops reading its answer.",
  }),
  keep_alive_ms: s.integer({
    default: 65_000,
    minimum: 1_000,
    maximum: 600_000,
    description:
      "How long an idle connection is kept open. Longer than the idle limit of the proxy in front, if there is one.",
  }),
  drain_delay_ms: s.integer({
    default: 0,
    minimum: 0,
    maximum: 120_000,
    description:
      "How long a process that was asked to stop still accepts connections, with `/health/ready` at 503 and `Connection: close` on each answer. Behind a balancer: longer than it takes to notice, and than its idle connections live. For `weir serve` only.",
  }),
  max_connections: s.integer({
    default: 5_000,
    minimum: 10,
    maximum: 100_000,
    description: "Maximum open connections, live feeds included; above it new ones get 503.",
  }),
  body_memory_mib: s.integer({
    default: 256,
    minimum: 16,
    maximum: 65_536,
    description:
      "Memory for request bodies that are arriving from senders with a valid key; above it requests get 503.",
  }),
  unauthenticated_body_memory_mib: s.integer({
    default: 8,
    minimum: 1,
    maximum: 1_024,
    description:
      "Memory for request bodies whose sender is not known yet, of all connections together; above it the oldest of them get 503.",
  }),
  secure_cookies: s.boolean({
    default: false,
    description: "Marks the session cookie `Secure`. Enable it when Weir is served over TLS.",
  }),
});
