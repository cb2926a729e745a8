/**
 * The settings of Weir: one schema from which the type, the validation, the environment variables
 * and the documentation (`weir config docs`) come. Each part or adapter has a file in `sections/`.
 */

import type { Infer } from "@weir/protocol";
import { schema as s } from "@weir/protocol";
import { cacheSection } from "./sections/cache.ts";
import { databaseSection } from "./sections/database.ts";
import { deliveriesSection } from "./sections/deliveries.ts";
import { demoSection } from "./sections/demo.ts";
import { dlqSection } from "./sections/dlq.ts";
import { embeddingsSection } from "./sections/embeddings.ts";
import { engineSection } from "./sections/engine.ts";
import { erasureSection } from "./sections/erasure.ts";
import { etlSection } from "./sections/etl.ts";
import { httpSection } from "./sections/http.ts";
import { ingestSection } from "./sections/ingest.ts";
import { intakeSection } from "./sections/intake.ts";
import { kafkaSection } from "./sections/kafka.ts";
import { limitsSection } from "./sections/limits.ts";
import { liveSection } from "./sections/live.ts";
import { logSection } from "./sections/log.ts";
import { querySection } from "./sections/query.ts";
import { redisSection } from "./sections/redis.ts";
import { relaySection } from "./sections/relay.ts";
import { resilienceSection } from "./sections/resilience.ts";
import { retentionSection } from "./sections/retention.ts";
import { shopSection } from "./sections/shop.ts";
import { sparkSection } from "./sections/spark.ts";
import { storageSection } from "./sections/storage.ts";
import { streamSection } from "./sections/stream.ts";
import { supervisorSection } from "./sections/supervisor.ts";
import { vectorsSection } from "./sections/vectors.ts";

export const configSchema = s.object({
  env: s.oneOf(["development", "test", "production"], {
    default: "development",
    description:
      "Environment. In production there are no demo services, demo keys or default secrets.",
  }),
  data_dir: s.string({
    default: ".weir",
    description: "Folder of the embedded PostgreSQL, the key files, the logs and run.json.",
  }),
  admin_key: s.nullable(
    s.string({
      default: null,
      "x-secret": true,
      description:
        "Key of the first administrator, for an installation that has none yet (`weir keys generate` prints one). Without it Weir creates one.",
    }),
  ),
  metrics_key: s.nullable(
    s.string({
      default: null,
      "x-secret": true,
      description:
        "Key of the service `metrics`, with which a monitoring system reads `/metrics` and the health. `weir migrate` creates the service when it has no key yet.",
    }),
  ),
  http: httpSection,
  database: databaseSection,
  ingest: ingestSection,
  storage: storageSection,
  retention: retentionSection,
  erasure: erasureSection,
  etl: etlSection,
  engine: engineSection,
  spark: sparkSection,
  stream: streamSection,
  embeddings: embeddingsSection,
  vectors: vectorsSection,
  kafka: kafkaSection,
  relay: relaySection,
  intake: intakeSection,
  deliveries: deliveriesSection,
  dlq: dlqSection,
  resilience: resilienceSection,
  query: querySection,
  live: liveSection,
  limits: limitsSection,
  cache: cacheSection,
  redis: redisSection,
  log: logSection,
  supervisor: supervisorSection,
  demo: demoSection,
  shop: shopSection,
});

export type Config = Infer<typeof configSchema>;
