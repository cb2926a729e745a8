"""One micro-batch: read and check its messages, stage and fold its facts, write its dead letters and points."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from weir_spark import messages
from weir_spark.engine import EngineDatabase, Folded, StagedRowsLost
from weir_spark.log import log, now
from weir_spark.resilience import RetryPolicy, Unavailable, retry_delay_ms
from weir_spark.staging import Refused, Staged, copy_lines, stage
from weir_spark.state import JobState

T = TypeVar("T")

# After a crash of PostgreSQL staging is repeated; more often than this something else is wrong.
_MOST_STAGINGS = 3


class Stopped(Exception):
    """The job was asked to stop; the batch is done again at the next start."""


class Patience:
    """Repeats work until what it depends on answers: a batch is never abandoned, however long that takes."""

    def __init__(
        self,
        state: JobState,
        policy: RetryPolicy,
        # Pauses; true when the job stops.
        wait: Callable[[float], bool],
        draw: Callable[[], float],
    ) -> None:
        self._state = state
        self._policy = policy
        self._wait = wait
        self._draw = draw

    def call(self, dependency: str, work: Callable[[], T]) -> T:
        """Raises Stopped when the job stops meanwhile, and every error but Unavailable at once."""
        retry = 0
        while True:
            try:
                result = work()
            except Unavailable as error:
                retry += 1
                self._state.retrying(dependency, str(error))
                if retry == 1:
                    log("error", f"{dependency} does not answer, the batch waits", error=str(error))
                if self._wait(retry_delay_ms(self._policy, retry, self._draw) / 1000):
                    raise Stopped from error
            else:
                if retry > 0:
                    log("info", f"{dependency} answers again", attempts=retry + 1)
                    self._state.answers(dependency)
                return result


@dataclass(frozen=True)
class BatchOptions:
    database_url: str
    epoch: int
    dlq_topic: str
    # Writes rows of messages.dead_letters to Kafka.
    write_dead_letters: Callable[[DataFrame], None]


@dataclass(frozen=True)
class Place:
    """A micro-batch: the identity of its checkpoint, and its number there."""

    checkpoint: str
    batch_id: int


class BatchProcessor:
    """`process` is what foreachBatch calls. A batch whose driver died comes again: every effect may be repeated."""

    def __init__(
        self,
        options: BatchOptions,
        database: EngineDatabase,
        state: JobState,
        patience: Patience,
    ) -> None:
        self._options = options
        self._database = database
        self._state = state
        self._patience = patience

    def process(self, batch: DataFrame, batch_id: int, checkpoint: str) -> None:
        # several actions follow: read from Kafka and parse once
        parsed = messages.parse(batch).persist()
        try:
            events = messages.deduplicate(messages.valid(parsed))
            staged = self._fold(events, Place(checkpoint, batch_id))
            refused = [place for one in staged for place in one.refused]
            self._write_dead_letters(parsed, refused)
        finally:
            parsed.unpersist()
        self._state.done(batch_id)

    def _fold(self, events: DataFrame, place: Place) -> list[Staged]:
        for _ in range(_MOST_STAGINGS - 1):
            try:
                return self._stage_and_fold(events, place)
            except StagedRowsLost as error:
                log("warn", "staged rows are gone, the batch is staged again", error=str(error))
                self._state.retries.labels("postgres").inc()
        return self._stage_and_fold(events, place)

    def _stage_and_fold(self, events: DataFrame, place: Place) -> list[Staged]:
        with self._state.timed("stage"):
            staged = self._patience.call("postgres", partial(self._stage, copy_lines(events)))
        tokens = [(one.token, one.rows) for one in staged if one.rows > 0]
        with self._state.timed("fold"):
            folded = self._patience.call("postgres", partial(self._fold_tokens, place, tokens))
        self._state.folded(folded)
        return staged

    def _stage(self, lines: DataFrame) -> list[Staged]:
        # the task must not hold this object: only the address travels to the executors
        task = partial(stage, database_url=self._options.database_url)
        staged: list[Staged] = lines.rdd.mapPartitions(task).collect()
        for one in staged:
            if one.unavailable is not None:
                raise Unavailable(one.unavailable)
        return staged

    def _fold_tokens(self, place: Place, tokens: list[tuple[str, int]]) -> Folded:
        return self._database.fold_batch(self._options.epoch, place.checkpoint, place.batch_id, tokens)

    def _write_dead_letters(self, parsed: DataFrame, refused: list[Refused]) -> None:
        options = self._options
        letters = messages.invalid(parsed)
        count = letters.count()
        if refused:
            count += len(refused)
            letters = letters.unionByName(_not_storable(parsed, refused))
        if count == 0:
            return
        with self._state.timed("dead_letters"):
            rows = messages.dead_letters(letters, options.dlq_topic, now())
            options.write_dead_letters(rows)
        self._state.messages.labels("refused").inc(count)
        log("warn", "messages were refused", count=count, topic=options.dlq_topic)


def _not_storable(parsed: DataFrame, refused: list[Refused]) -> DataFrame:
    """The refused messages; they are rare, so their places travel in the plan."""
    details = F.create_map(
        *[part for one in refused for part in (F.lit(f"{one.partition}/{one.offset}"), F.lit(one.detail))]
    )
    place = F.concat_ws("/", F.col("partition").cast("string"), F.col("offset").cast("string"))
    return (
        parsed.withColumn("detail", details[place])
        .where(F.col("detail").isNotNull())
        .withColumn("reason", F.lit("not_storable"))
    )
