"""A rerun of windows: the hours of a range, computed from raw events and compared, many at a time.

The contract's functions compute, compare and correct an hour within PostgreSQL (docs/spark-contract.md). The tasks call
them side by side, a day each. Nothing is kept here: a job that ends early is continued by the next one.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from pyspark.sql import SparkSession

from weir_spark.batch import Patience, Stopped
from weir_spark.engine import EngineDatabase, Fenced, RawEventsGone, RerunDay, named_error
from weir_spark.log import log
from weir_spark.staging import connect, one_line

# The login's own limit for a transaction.
_STATEMENT_MS = 300_000
_DAYS_FOR_CORE = 4


@dataclass(frozen=True)
class Rerun:
    """A rerun with the token of this job."""

    id: int
    token: int
    database_url: str = field(repr=False)


@dataclass(frozen=True)
class DayDone:
    """What a task did. `problem`: a SQLSTATE and a message, when it ended early."""

    day: int
    hours: int
    problem: tuple[str | None, str] | None = None


def run_rerun(
    session: SparkSession,
    database: EngineDatabase,
    rerun: Rerun,
    patience: Patience,
    stopped: Callable[[], bool],
) -> None:
    """Passes over the range until one changes nothing. Raises Fenced, and Stopped between rounds of tasks."""
    context = session.sparkContext
    while days := patience.call("postgres", lambda: database.rerun_work(rerun.id, rerun.token)):
        if stopped():
            raise Stopped
        # a stop waits for the end of a round; with more days than cores one that takes longer holds up no core
        some = days[: _DAYS_FOR_CORE * context.defaultParallelism]
        task = partial(rerun_days, rerun=rerun)
        patience.call("postgres", partial(_round, context, some, task, database, rerun))
    log("info", "the rerun has ended", rerun=rerun.id)


def _round(
    context: Any,
    days: list[RerunDay],
    task: Callable[[Iterable[RerunDay]], Iterator[DayDone]],
    database: EngineDatabase,
    rerun: Rerun,
) -> None:
    done: list[DayDone] = context.parallelize(days, len(days)).mapPartitions(task).collect()
    log(
        "info",
        "days were recomputed",
        rerun=rerun.id,
        pass_=days[0].pass_,
        days=len(done),
        hours=sum(d.hours for d in done),
    )
    for one in done:
        if one.problem is not None:
            _raise(one, database, rerun)


def _raise(done: DayDone, database: EngineDatabase, rerun: Rerun) -> None:
    state, message = done.problem or (None, "")
    error = named_error(state, message)
    if isinstance(error, RawEventsGone):
        # no later attempt can succeed
        database.end_rerun(rerun.id, rerun.token, message)
        raise Fenced(message)
    raise error or RuntimeError(f"{state}: {message}")


def rerun_days(days: Iterable[RerunDay], rerun: Rerun) -> Iterator[DayDone]:
    """Runs in a task: the hours of each day, one after another."""
    for day in days:
        done = 0
        try:
            with connect(rerun.database_url, statement_ms=_STATEMENT_MS, autocommit=True) as connection:
                for hour in day.hours:
                    _rerun_hour(connection, rerun, day.pass_, hour)
                    done += 1
        except psycopg.Error as error:
            yield DayDone(day.day, done, (error.sqlstate, one_line(error)))
        else:
            yield DayDone(day.day, done)


def _rerun_hour(connection: psycopg.Connection[tuple[Any, ...]], rerun: Rerun, pass_: int, hour: int) -> None:
    values = (rerun.id, rerun.token, pass_, hour)
    while True:
        connection.execute("begin isolation level repeatable read")
        connection.execute("select engine.stage_rerun(%s::bigint, %s::bigint, %s::int, %s::int)", values)
        connection.execute("commit")
        row = connection.execute(
            "select engine.apply_rerun(%s::bigint, %s::bigint, %s::int, %s::int)", values
        ).fetchone()
        if row is not None and row[0]:
            return
