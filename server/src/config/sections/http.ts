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
    description: "Time limit for receiving a complete request.",
  }),
  secure_cookies: s.boolean({
    default: false,
    description: "Marks the session cookie `Secure`. Enable it when Weir is served over TLS.",
  }),
});
