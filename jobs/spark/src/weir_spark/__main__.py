"""`python -m weir_spark --config FILE`: wires the job. docs/guides/spark.md describes it."""

import argparse
import json
import os
import random
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from weir_spark import messages
from weir_spark.batch import BatchOptions, BatchProcessor, Patience, Stopped
from weir_spark.config import Config, ConfigError, load
from weir_spark.engine import ContractMismatch, EngineDatabase, Fenced
from weir_spark.log import log
from weir_spark.points import open_points
from weir_spark.qdrant import QdrantClient
from weir_spark.reporter import Reporter
from weir_spark.rerun import Rerun, run_rerun
from weir_spark.resilience import Breaker, Guard, guard_settings
from weir_spark.session import open_session, read_messages, with_trigger, write_messages
from weir_spark.state import JobState
from weir_spark.waiting import StopSignal

STOPPED, FAILED, WRONG_CONFIG, FENCED = 0, 1, 2, 3

# Called with the batch, its id and the identity of the checkpoint.
Process = Callable[[DataFrame, int, str], None]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="weir-spark", description=__doc__)
    parser.add_argument("--config", required=True, help="JSON or YAML file")
    parser.add_argument("--rerun", type=int, help="recompute the windows of this rerun, and end")
    options = parser.parse_args(arguments)
    stop = StopSignal()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    try:
        config = load(options.config)
        if options.rerun is None:
            run(config, stop)
        else:
            rerun(config, options.rerun, stop)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return WRONG_CONFIG
    except (Fenced, ContractMismatch) as error:
        log("error", str(error))
        return FENCED if isinstance(error, Fenced) else WRONG_CONFIG
    except Stopped:
        return STOPPED
    except Exception as error:
        log("fatal", "the job failed", error=repr(error))
        return FAILED
    return STOPPED


def run(config: Config, stop: StopSignal) -> None:
    state = JobState()
    metrics_port = state.serve(config.metrics.host, config.metrics.port)
    policy = guard_settings(config.resilience, "postgres").policy
    patience = Patience(state, policy, stop.wait, random.random)
    database = EngineDatabase(config.database_url)
    epoch = begin(config, database, patience) if config.windows.enabled else None
    session = open_session(config)
    state.update(ui=session.sparkContext.uiWebUrl, epoch=epoch)
    queries: list[StreamingQuery] = []
    if epoch is not None:
        batches = windows(config, epoch, database, state, patience)
        queries.append(start_query("windows", config, session, batches, stop))
    if config.embeddings.enabled:
        queries.append(start_query("points", config, session, points(config, state, patience, stop), stop))
    # a run that folds no windows has no epoch: its progress is in its metrics alone
    reporter = Reporter(
        None if epoch is None else (EngineDatabase(config.database_url, statement_ms=5_000), epoch),
        state,
        progress=partial(last_progress, queries),
        on_fenced=lambda: stop.fail(Fenced("another engine folds the windows now")),
    )
    reporter.start()
    ready = {"ready": True, "metrics_port": metrics_port, "ui": session.sparkContext.uiWebUrl, "epoch": epoch}
    print(json.dumps(ready), flush=True)
    log("info", "the job runs", **ready)
    try:
        stop.follow(queries, timeout_s=config.stop_timeout_s)
    finally:
        state.update(state="stopping")
        reporter.end()
        database.close()
        session.stop()


def rerun(config: Config, number: int, stop: StopSignal) -> None:
    policy = guard_settings(config.resilience, "postgres").policy
    patience = Patience(JobState(), policy, stop.wait, random.random)
    database = EngineDatabase(config.database_url)
    token = patience.call("postgres", lambda: database.begin_rerun(number, f"{socket.gethostname()}/{os.getpid()}"))
    session = open_session(config)
    try:
        run_rerun(session, database, Rerun(number, token, config.database_url), patience, lambda: stop.wait(0))
    finally:
        database.close()
        session.stop()


def begin(config: Config, database: EngineDatabase, patience: Patience) -> int:
    """The epoch under which this run folds; earlier runs are refused from now on."""
    if config.epoch is not None:
        return config.epoch
    return patience.call("postgres", lambda: database.begin_run(config.name, config.checkpoint))


def windows(config: Config, epoch: int, database: EngineDatabase, state: JobState, patience: Patience) -> Process:
    options = BatchOptions(
        database_url=config.database_url,
        epoch=epoch,
        dlq_topic=config.kafka.dlq_topic,
        write_dead_letters=partial(write_messages, kafka=config.kafka),
    )
    return BatchProcessor(options, database, state, patience).process


def points(config: Config, state: JobState, patience: Patience, stop: StopSignal) -> Process:
    settings = guard_settings(config.resilience, "vector_store")
    breaker = Breaker(settings.breaker, partial(state.breaker_changed, "qdrant"))
    guard = Guard(settings, breaker, stop.wait, state.retries.labels("qdrant").inc)
    processor = open_points(config, QdrantClient(config.qdrant, guard), state)

    def process(batch: DataFrame, batch_id: int, checkpoint: str) -> None:
        events = messages.deduplicate(messages.valid(messages.parse(batch)))
        write = partial(processor.write, events, checkpoint=checkpoint, batch_id=batch_id)
        with state.timed("points"):
            patience.call("qdrant", write)

    return process


def start_query(name: str, config: Config, session: SparkSession, process: Process, stop: StopSignal) -> StreamingQuery:
    """Each query has a checkpoint of its own: the windows continue while Qdrant is down."""

    def guarded(batch: DataFrame, batch_id: int) -> None:
        with stop.batch():
            # Spark keeps it in the checkpoint and sets it for the thread of the query
            identity = session.sparkContext.getLocalProperty("sql.streaming.queryId")
            process(batch, batch_id, str(identity))

    stream = read_messages(session, config.kafka).writeStream.queryName(name).foreachBatch(guarded)
    stream = stream.option("checkpointLocation", f"{config.checkpoint.rstrip('/')}/{name}")
    return with_trigger(stream, config).start()


def last_progress(queries: Sequence[StreamingQuery]) -> dict[str, dict[str, Any]]:
    found = {query.name or "": query.lastProgress for query in queries}
    return {name: json.loads(progress.json) for name, progress in found.items() if progress is not None}


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # a thread that waits for a dead server must not hold the process
    os._exit(code)
