/** The process that supervises the Spark job. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { launchJob } from "../adapters/spark/launch.ts";
import { createLineLogger } from "../adapters/spark/log-lines.ts";
import { publishMetrics } from "../adapters/telemetry/shared-metrics.ts";
import type { Config } from "../config/schema.ts";
import { createRerunJobs } from "../parts/engine/rerun-jobs.ts";
import { createSparkJob, type JobTask } from "../parts/engine/spark-job.ts";
import { openConnections, sparkDatabaseUrl } from "../process/databases.ts";
import { checkoutFolder } from "../process/paths.ts";
import { writeSecretFile } from "../process/run-file.ts";
import { kafkaTopics } from "./kafka.ts";
import type { Compose, ComposeOptions } from "./options.ts";

export const compose: Compose = async (options) => {
  const { config, urls, logger, metrics, stack } = options;
  const { pool, notifications } = openConnections(options);
  const database = pool({ url: urls.app, applicationName: "weir spark", max: 2 });
  stack.defer(publishMetrics(database, metrics));
  const shared = {
    database,
    notifications: notifications(urls.app, "weir spark notifications"),
    logger,
    owner: `${hostname()}/${process.pid}`,
  };
  const launch = (task: JobTask, rerun?: string) =>
    launchJob({ ...launchOf(options, { task, rerun }), onLine: createLineLogger(logger) });
  const job = createSparkJob({
    ...shared,
    launch,
    embeds: () => config().spark.embeddings.enabled,
    limits: () => {
      const { start_timeout_ms, heartbeat_timeout_ms, stop_timeout_ms } = config().spark;
      return {
        startMs: start_timeout_ms,
        heartbeatMs: heartbeat_timeout_ms,
        stopMs: stop_timeout_ms,
      };
    },
  });
  const reruns = createRerunJobs({
    ...shared,
    launch: (rerun) => launch({ windows: false }, rerun),
  });
  return { parts: [job, reruns], counters: () => ({}) };
};

/** Writes the job's configuration file, and says how to start it. */
function launchOf(
  options: ComposeOptions,
  { task, rerun }: { readonly task: JobTask; readonly rerun: string | undefined },
) {
  const config = options.config();
  const { spark } = config;
  const folder = join(resolve(config.data_dir), "spark");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, rerun === undefined ? "job.json" : "rerun.json");
  const words = ["--config", file, ...(rerun === undefined ? [] : ["--rerun", rerun])];
  const jars = jarsOf(spark.jars);
  writeSecretFile(file, JSON.stringify(jobConfiguration(config, { task, folder, jars })));
  const job = join(checkoutFolder, "jobs", "spark");
  const environment = {
    ...secretsOf(config),
    PYTHONPATH: [join(job, "src"), process.env["PYTHONPATH"]].filter(Boolean).join(delimiter),
    PYSPARK_PYTHON: spark.python,
  };
  if (spark.home === null) {
    return { command: spark.python, args: ["-m", "weir_spark", ...words], environment };
  }
  const conf = Object.entries(sparkConf(config)).flatMap(([name, value]) => [
    "--conf",
    `${name}=${value}`,
  ]);
  return {
    command: join(spark.home, "bin", "spark-submit"),
    args: [
      ...["--master", spark.master, ...conf],
      ...(jars.length === 0 ? [] : ["--jars", jars.join(",")]),
      ...[join(job, "weir_spark_main.py"), ...words],
    ],
    environment: { ...environment, SPARK_HOME: spark.home },
  };
}

/** docs/spark-contract.md */
export function jobConfiguration(
  config: Config,
  {
    task,
    folder,
    jars,
  }: { readonly task: JobTask; readonly folder: string; readonly jars: readonly string[] },
) {
  const { spark, kafka, vectors } = config;
  const topics = kafkaTopics(config);
  return {
    name: "weir",
    database_url: sparkDatabaseUrl(config),
    epoch: null,
    checkpoint: spark.checkpoint ?? join(folder, "checkpoint"),
    kafka: {
      brokers: kafka.brokers,
      topic: topics.events.name,
      dlq_topic: topics.eventsDlq.name,
      starting_offsets: spark.starting_offsets,
      max_events_per_batch: spark.batch_events,
      options: kafkaOptions(config),
    },
    spark: { master: spark.master, jars, ui_port: spark.ui_port, conf: sparkConf(config) },
    trigger: { processing_time_ms: spark.trigger_ms },
    state_store: spark.state_store,
    windows: { enabled: task.windows },
    embeddings: spark.embeddings,
    ...(vectors.qdrant.url === null ? {} : { qdrant: { url: vectors.qdrant.url } }),
    metrics: { host: "127.0.0.1", port: spark.metrics_port },
    resilience: config.resilience,
    stop_timeout_s: Math.ceil(spark.stop_timeout_ms / 1_000),
  };
}

function sparkConf({ spark }: Config): Readonly<Record<string, string>> {
  return {
    "spark.driver.memory": spark.driver_memory,
    "spark.executor.memory": spark.executor_memory,
    ...spark.conf,
  };
}

function jarsOf(folder: string | null): string[] {
  if (folder === null) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jar"))
    .sort()
    .map((name) => resolve(folder, name));
}

/** How Kafka's own clients name the settings of the section `kafka`. */
function kafkaOptions({ kafka: { tls, sasl } }: Config): Record<string, string> {
  const security =
    sasl.mechanism === "none"
      ? tls.enabled
        ? "SSL"
        : "PLAINTEXT"
      : tls.enabled
        ? "SASL_SSL"
        : "SASL_PLAINTEXT";
  return {
    "security.protocol": security,
    ...(sasl.mechanism === "none" ? {} : { "sasl.mechanism": sasl.mechanism.toUpperCase() }),
    ...(tls.enabled && tls.ca_file !== null
      ? { "ssl.truststore.type": "PEM", "ssl.truststore.location": resolve(tls.ca_file) }
      : {}),
    ...(tls.enabled && tls.cert_file !== null && tls.key_file !== null
      ? {
          "ssl.keystore.type": "PEM",
          "ssl.keystore.certificate.chain": readFileSync(tls.cert_file, "utf8"),
          "ssl.keystore.key": readFileSync(tls.key_file, "utf8"),
        }
      : {}),
  };
}

function secretsOf({ kafka: { sasl }, vectors }: Config): Record<string, string> {
  const module = sasl.mechanism === "plain" ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
  const jaas = `org.apache.kafka.common.security.${module} required username=${quoted(sasl.user)} password=${quoted(sasl.password)};`;
  return {
    ...(sasl.mechanism === "none" ? {} : { WEIR_SPARK_KAFKA_SASL_JAAS_CONFIG: jaas }),
    ...(vectors.qdrant.api_key === null
      ? {}
      : { WEIR_SPARK_QDRANT_API_KEY: vectors.qdrant.api_key }),
  };
}

function quoted(text: string | null): string {
  return `"${(text ?? "").replace(/[\\"]/g, "\\$&")}"`;
}
