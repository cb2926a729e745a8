/**
 * The settings of Weir: one schema from which the type, the validation, the environment variables
 * and the documentation (`weir config docs`) come. `x-hot` marks what changes at run time.
 */

import type { Infer } from "@weir/protocol";
import { schema as s } from "@weir/protocol";
import { resilienceSection } from "./resilience-section.ts";

const hot = { "x-hot": true } as const;
const names = (values: readonly string[], description: string) =>
  s.array(s.string({ minLength: 1, maxLength: 128 }), { default: values, description });

export const configSchema = s.object({
  env: s.oneOf(["development", "test", "production"], {
    default: "development",
    description: "In production no demo service, key or default secret exists.",
  }),
  data_dir: s.string({
    default: ".weir",
    description: "Where the embedded PostgreSQL, key files and run.json lie.",
  }),
  http: s.object({
    host: s.string({
      default: "127.0.0.1",
      description: "Address to listen on; loopback by default.",
    }),
    port: s.integer({
      default: 8080,
      minimum: 0,
      maximum: 65_535,
      description: "0 picks a free port.",
    }),
    trusted_proxies: s.array(s.string(), {
      default: [],
      description: "Addresses or CIDR ranges whose X-Forwarded-For is believed.",
    }),
    cors_origins: s.array(s.string({ pattern: "^https?://[^/]+$" }), {
      default: [],
      description: "Origins whose pages may send events with a browser key.",
    }),
    request_timeout_ms: s.integer({
      default: 10_000,
      minimum: 1_000,
      maximum: 120_000,
      description: "How long a request may take to arrive whole.",
    }),
    secure_cookies: s.boolean({
      default: false,
      description: "Marks the session cookie Secure; switch on behind TLS.",
    }),
  }),
  database: s.object({
    url: s.nullable(
      s.string({
        default: null,
        "x-secret": true,
        description: "An external PostgreSQL 18 (owner role). null: the embedded one.",
      }),
    ),
    app_url: s.nullable(
      s.string({
        default: null,
        "x-secret": true,
        description: "The same database as role weir_app.",
      }),
    ),
    ingest_url: s.nullable(
      s.string({
        default: null,
        "x-secret": true,
        description: "The same database as role weir_ingest.",
      }),
    ),
    connections: s.integer({
      default: 8,
      minimum: 2,
      maximum: 100,
      description: "Connections for reading and administration, per process.",
    }),
  }),
  ingest: s.object({
    groups_in_flight: s.integer({
      default: 3,
      minimum: 1,
      maximum: 16,
      description: "Group commits under way at once.",
    }),
    group_events: s.integer({
      default: 2_000,
      minimum: 1,
      maximum: 10_000,
      description: "Most events in one commit.",
    }),
    queue_events: s.integer({
      default: 50_000,
      minimum: 100,
      maximum: 1_000_000,
      description: "More waiting events than this are answered 503.",
    }),
    queue_mib: s.integer({
      default: 64,
      minimum: 1,
      maximum: 4_096,
      description: "More waiting bytes than this are answered 503.",
    }),
    commit_timeout_ms: s.integer({
      default: 1_500,
      minimum: 100,
      maximum: 1_900,
      description: "A commit slower than this is answered 503; the client retries.",
    }),
    rate_limit: s.object({
      events_per_second: s.integer({
        default: 50_000,
        minimum: 1,
        description: "Per key, in events.",
        ...hot,
      }),
      burst_events: s.integer({
        default: 100_000,
        minimum: 1,
        description: "What a rested key may send at once.",
        ...hot,
      }),
    }),
  }),
  retention: s.object({
    raw_days: s.integer({
      default: 90,
      minimum: 1,
      maximum: 3_650,
      description: "Raw events older than this are dropped, a day at a time.",
    }),
    partitions_ahead: s.integer({
      default: 3,
      minimum: 1,
      maximum: 30,
      description: "Daily partitions made ahead.",
    }),
  }),
  etl: s.object({
    interval_ms: s.integer({
      default: 150,
      minimum: 10,
      maximum: 10_000,
      description: "Shortest time between two steps: freshness against CPU.",
    }),
    step_events: s.integer({
      default: 10_000,
      minimum: 100,
      maximum: 100_000,
      description: "Most events folded by one step.",
    }),
    event_types: s.object({
      view: names([], "Event types that mean a product was viewed, on top of the built-in ones."),
      cart: names([], "Event types that mean a product was put into the cart."),
      purchase: names([], "Event types that mean a purchase."),
      refund: names([], "Event types that mean a refund."),
      search: names([], "Event types that mean a search."),
    }),
  }),
  stream: s.object({
    workers: s.integer({
      default: 1,
      minimum: 1,
      maximum: 16,
      description: "Pages of the log worked on at once, per process.",
    }),
    page_events: s.integer({
      default: 5_000,
      minimum: 10,
      maximum: 50_000,
      description: "Most events in a page.",
    }),
    interval_ms: s.integer({
      default: 25,
      minimum: 1,
      maximum: 10_000,
      description: "Shortest time between two pages while little comes: freshness against CPU.",
    }),
    refresh_ms: s.integer({
      default: 1_000,
      minimum: 50,
      maximum: 600_000,
      description:
        "How soon counts in the payloads of points and users' tastes follow; later under load. New texts are searchable at once.",
    }),
    events_collection: s.boolean({
      default: false,
      description:
        "Keeps a point for every event too, for `POST /api/events/search`. Switched off, they are removed.",
    }),
    events_days: s.integer({
      default: 30,
      minimum: 1,
      maximum: 3_650,
      description:
        "Events' points are kept for that many days since receipt, and never longer than the raw events.",
    }),
    interest: s.object({
      view: s.number({
        default: 1,
        minimum: 0,
        description: "What a view says of a user's taste.",
      }),
      cart: s.number({
        default: 3,
        minimum: 0,
        description: "What a product put into the cart says.",
      }),
      purchase: s.number({ default: 5, minimum: 0, description: "What a purchase says." }),
      half_life_days: s.number({
        default: 14,
        minimum: 0.01,
        description: "After this long an interest weighs half. Takes effect on what comes.",
      }),
    }),
  }),
  embeddings: s.object({
    dimension: s.integer({
      default: 192,
      minimum: 16,
      maximum: 1_024,
      description: "Length of the vectors that Weir's own models make.",
    }),
    transformer_folder: s.nullable(
      s.string({
        default: null,
        description: "Where `weir models add` looks for sentence-transformers by name.",
      }),
    ),
    http: s.object({
      url: s.nullable(
        s.string({ default: null, description: "An OpenAI-shaped `/v1/embeddings` endpoint." }),
      ),
      model: s.string({ default: "", description: "The model's name at that endpoint." }),
      api_key: s.nullable(
        s.string({ default: null, "x-secret": true, description: "Its key, if it wants one." }),
      ),
    }),
  }),
  vectors: s.object({
    driver: s.oneOf(["embedded", "qdrant"], {
      default: "embedded",
      description: "Where similar products are looked up. PostgreSQL keeps the points either way.",
    }),
    memory_mib: s.integer({
      default: 512,
      minimum: 16,
      maximum: 65_536,
      description: "Most memory of the embedded index.",
    }),
    timeout_ms: s.integer({
      default: 2_000,
      minimum: 10,
      maximum: 60_000,
      description: "Limit of one call to the vector store.",
    }),
    qdrant: s.object({
      url: s.nullable(s.string({ default: null, description: "http(s)://host:6333" })),
      api_key: s.nullable(
        s.string({ default: null, "x-secret": true, description: "Its API key, if it wants one." }),
      ),
      quantisation: s.boolean({
        default: false,
        description: "Scalar int8 quantisation of new collections: a quarter of the memory.",
      }),
    }),
  }),
  dlq: s.object({
    retention_days: s.integer({
      default: 90,
      minimum: 1,
      maximum: 3_650,
      description: "Dead letters that were resolved or discarded longer ago than this are deleted.",
      ...hot,
    }),
    max_mib: s.integer({
      default: 1_024,
      minimum: 1,
      maximum: 1_048_576,
      description:
        "Above this, resolved and discarded letters are deleted, then the oldest open ones. A warning comes at 80 %.",
      ...hot,
    }),
    workers: s.integer({
      default: 1,
      minimum: 1,
      maximum: 16,
      description: "Dead letters replayed at once, per process.",
    }),
  }),
  resilience: resilienceSection,
  query: s.object({
    timeout_ms: s.integer({
      default: 5_000,
      minimum: 100,
      maximum: 60_000,
      description: "Limit of an analytics query.",
    }),
    free_form_timeout_ms: s.integer({
      default: 30_000,
      minimum: 100,
      maximum: 300_000,
      description: "Limit of free-form funnels and breakdowns.",
    }),
    concurrency: s.integer({
      default: 4,
      minimum: 1,
      maximum: 64,
      description: "Analytics queries at once.",
    }),
  }),
  live: s.object({
    max_sockets: s.integer({
      default: 500,
      minimum: 1,
      maximum: 100_000,
      description: "Open live feeds.",
    }),
    max_sockets_per_key: s.integer({
      default: 50,
      minimum: 1,
      maximum: 100_000,
      description: "Open live feeds of one key.",
    }),
  }),
  log: s.object({
    level: s.oneOf(["debug", "info", "warn", "error"], {
      default: "info",
      description: "Least level that is written.",
      ...hot,
    }),
  }),
  demo: s.object({
    enabled: s.boolean({
      default: true,
      description: "Sample data and simulated traffic; never in production.",
    }),
    rate: s.number({
      default: 5,
      minimum: 0,
      maximum: 10_000,
      description: "Simulated events per second.",
    }),
  }),
});

export type Config = Infer<typeof configSchema>;
