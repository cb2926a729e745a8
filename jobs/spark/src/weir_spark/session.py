"""The Spark session and the streams that it reads and writes."""

import tempfile
import zipfile
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.readwriter import DataStreamWriter

from weir_spark.config import Config, Kafka

_ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
_HDFS = "org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider"


def open_session(config: Config) -> SparkSession:
    """A setting in `spark.conf`, or given to spark-submit, is kept."""
    settings = {
        "spark.ui.port": str(config.spark.ui_port),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.streaming.stateStore.providerClass": (_ROCKSDB if config.state_store == "rocksdb" else _HDFS),
        # a stop by SIGTERM is this job's matter: the batch in progress ends first
        "spark.streaming.stopGracefullyOnShutdown": "false",
        # micro-batches are small: adaptive execution costs more jobs than it saves
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.streaming.numRecentProgressUpdates": "2",
        "spark.ui.retainedJobs": "100",
        "spark.sql.ui.retainedExecutions": "50",
        # plans are long, and each of them would be logged
        "spark.sql.debug.maxToStringFields": "50",
    }
    if config.spark.jars:
        settings["spark.jars"] = ",".join(config.spark.jars)
    if config.spark.master.startswith("local"):
        # the driver is on this machine alone, whatever its name resolves to
        settings |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    settings |= {name: str(value) for name, value in config.spark.conf.items()}
    builder = SparkSession.builder.appName(config.name).master(config.spark.master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("WARN")
    if not config.spark.master.startswith("local"):
        _ship_package(session)
    if "spark.sql.shuffle.partitions" not in config.spark.conf:
        parallelism = session.sparkContext.defaultParallelism
        session.conf.set("spark.sql.shuffle.partitions", str(parallelism))
    return session


def _ship_package(session: SparkSession) -> None:
    """The functions of the tasks are imported by the executors, which need not have the job installed."""
    package = Path(__file__).parent
    archive = Path(tempfile.mkdtemp(prefix="weir-spark-")) / "weir_spark.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for source in sorted(package.glob("*.py")):
            file.write(source, f"{package.name}/{source.name}")
    session.sparkContext.addPyFile(str(archive))


def read_messages(session: SparkSession, kafka: Kafka) -> DataFrame:
    """The topic as a stream: key, value, topic, partition, offset, headers."""
    reader = (
        session.readStream.format("kafka")
        .options(**_connection(kafka))
        .option("subscribe", kafka.topic)
        .option("startingOffsets", kafka.starting_offsets)
        .option("maxOffsetsPerTrigger", str(kafka.max_events_per_batch))
        .option("failOnDataLoss", str(kafka.fail_on_data_loss).lower())
        .option("includeHeaders", "true")
    )
    return reader.load().select("key", "value", "topic", "partition", "offset", "headers")


def write_messages(rows: DataFrame, kafka: Kafka) -> None:
    """Columns topic, key, value, headers; returns when all brokers in sync have them."""
    (
        rows.write.format("kafka")
        .options(**_connection(kafka))
        .option("kafka.acks", "all")
        .option("includeHeaders", "true")
        .save()
    )


def with_trigger(writer: DataStreamWriter, config: Config) -> DataStreamWriter:
    if config.trigger.available_now:
        return writer.trigger(availableNow=True)
    return writer.trigger(processingTime=f"{config.trigger.processing_time_ms} milliseconds")


def _connection(kafka: Kafka) -> dict[str, str]:
    own = {f"kafka.{name}": str(value) for name, value in kafka.options.items()}
    return {"kafka.bootstrap.servers": ",".join(kafka.brokers), **own}
