import { schema as s } from "@weir/protocol";

/** How the Spark job is started and its settings. */
export const sparkSection = s.object({
  enabled: s.boolean({
    default: false,
    description:
      "`weir up` runs the process `spark`, which supervises the Spark job. It does so too when `engine.windows` is `spark`.",
  }),
  master: s.string({
    default: "local[*]",
    pattern: "^(local(\\[[^\\]]*\\])?|spark://.+|yarn|k8s://.+)$",
    description:
      "Where Spark runs: `local[*]`, `spark://host:7077`, `yarn` or `k8s://https://host`.",
  }),
  home: s.nullable(
    s.string({
      default: null,
      description:
        "Folder of a Spark distribution: the job is submitted by its `bin/spark-submit`. Without it Python starts the job.",
    }),
  ),
  python: s.string({
    default: "python3",
    description: "Python with `pyspark` and the packages of `jobs/spark`.",
  }),
  jars: s.nullable(
    s.string({
      default: null,
      description: "Folder with the five jars of Spark's Kafka connector.",
    }),
  ),
  checkpoint: s.nullable(
    s.string({
      default: null,
      description:
        "Folder or URL (`s3a://`, `hdfs://`) of the checkpoint. Default: `spark/checkpoint` in the data folder.",
    }),
  ),
  trigger_ms: s.integer({
    default: 500,
    minimum: 0,
    maximum: 600_000,
    description: "Minimum time between the starts of two micro-batches.",
  }),
  batch_events: s.integer({
    default: 50_000,
    minimum: 100,
    maximum: 1_000_000,
    description: "Maximum messages in a micro-batch.",
  }),
  starting_offsets: s.oneOf(["earliest", "latest"], {
    default: "earliest",
    description: "Where a new checkpoint begins to read the topic.",
  }),
  state_store: s.oneOf(["rocksdb", "hdfs"], {
    default: "rocksdb",
    description: "State store of Spark's queries.",
  }),
  driver_memory: s.string({
    default: "1g",
    pattern: "^[1-9][0-9]*[mg]$",
    description: "Memory of the driver's JVM.",
  }),
  executor_memory: s.string({
    default: "1g",
    pattern: "^[1-9][0-9]*[mg]$",
    description: "Memory of each executor.",
  }),
  conf: s.record(s.string(), {
    default: {},
    description: "Further settings of Spark by name, such as `spark.executor.cores`.",
  }),
  ui_port: s.integer({
    default: 4040,
    minimum: 0,
    maximum: 65_535,
    description: "Port of Spark's web interface; 0 picks a free one.",
  }),
  metrics_port: s.integer({
    default: 0,
    minimum: 0,
    maximum: 65_535,
    description: "Port of the job's own Prometheus metrics; 0 picks a free one.",
  }),
  start_timeout_ms: s.integer({
    default: 180_000,
    minimum: 10_000,
    maximum: 3_600_000,
    description:
      "Time in which the job must report for the first time, or it is killed and started again.",
  }),
  heartbeat_timeout_ms: s.integer({
    default: 60_000,
    minimum: 10_000,
    maximum: 3_600_000,
    description: "A job that has not reported for this long is killed and started again.",
  }),
  stop_timeout_ms: s.integer({
    default: 30_000,
    minimum: 1_000,
    maximum: 600_000,
    description: "Time in which the job must end after a request to stop, or it is killed.",
  }),
  embeddings: s.object({
    enabled: s.boolean({
      default: false,
      description: "The job also embeds the texts of products and writes their points to Qdrant.",
    }),
    model: s.oneOf(["lsa", "transformer"], {
      default: "lsa",
      description: "Kind of the model.",
    }),
    model_file: s.nullable(
      s.string({
        default: null,
        description:
          "File that `weir models export` wrote; null follows the live model. Of a sentence-transformer: its folder or name.",
      }),
    ),
    device: s.oneOf(["auto", "cpu", "gpu"], {
      default: "auto",
      description: "`auto` uses a GPU when there is one, and the CPU when it fails.",
    }),
  }),
});
