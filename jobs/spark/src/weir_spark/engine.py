"""The database contract, version 2: docs/spark-contract.md. Calls of schema `engine` from the driver."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from weir_spark.resilience import Unavailable
from weir_spark.staging import connect, one_line

CONTRACT = 2

# SQLSTATEs after which the same call may succeed: connections, resources, conflicts, shutdowns.
_RETRYABLE = ("08", "53", "57P", "58", "40")


class Fenced(Exception):
    """Another run or the built-in engine owns the windows now: this run ends."""


class StagedRowsLost(Exception):
    """The staged rows are gone, as after a crash of PostgreSQL: they are staged again."""


class ContractMismatch(Exception):
    """The job and the database are of versions that do not fit."""


class RawEventsGone(Exception):
    """Retention has dropped raw events of the range: it cannot be recomputed."""


@dataclass(frozen=True)
class RerunDay:
    """Hours of a day, since 1970 in UTC, that a pass of a rerun lacks."""

    pass_: int
    day: int
    hours: tuple[int, ...]


@dataclass(frozen=True)
class ModelFile:
    """A model of Weir. `file` and `size` are None for a model without a file."""

    id: str
    kind: str
    file: str | None
    size: int | None


@dataclass(frozen=True)
class Folded:
    staged: int
    folded: int
    known: int
    gone: int
    behind: int
    lag_ms: int


class EngineDatabase:
    """One connection, opened when it is needed; each call is a transaction of its own. For one thread."""

    def __init__(self, database_url: str, statement_ms: int = 120_000) -> None:
        self._url = database_url
        self._statement_ms = statement_ms
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def begin_run(self, owner: str, checkpoint: str) -> int:
        row = self._repeatable(
            "select epoch from engine.begin_run(%s::int, %s::text, %s::text) epoch",
            (CONTRACT, owner, checkpoint),
        )
        return int(row[0])

    def fold_batch(self, epoch: int, checkpoint: str, batch_id: int, staged: Sequence[tuple[str, int]]) -> Folded:
        row = self._repeatable(
            "select staged, folded, known, gone, behind, lag_ms"
            " from engine.fold_batch(%s::bigint, %s::text, %s::bigint, %s::uuid[], %s::int[])",
            (
                epoch,
                checkpoint,
                batch_id,
                [token for token, _ in staged],
                [rows for _, rows in staged],
            ),
        )
        return Folded(*(int(value or 0) for value in row))

    def report(self, epoch: int, report: dict[str, Any]) -> None:
        self._repeatable("select engine.report(%s::bigint, %s::jsonb)", (epoch, json.dumps(report)))

    def begin_rerun(self, rerun: int, owner: str) -> int:
        row = self._repeatable(
            "select token from engine.begin_rerun(%s::int, %s::bigint, %s::text) token",
            (CONTRACT, rerun, owner),
        )
        return int(row[0])

    def rerun_work(self, rerun: int, token: int) -> list[RerunDay]:
        """Empty: the rerun has ended."""
        row = self._repeatable(
            "select coalesce(json_agg(json_build_array(pass, day, hours) order by day), '[]')"
            " from engine.rerun_work(%s::bigint, %s::bigint)",
            (rerun, token),
        )
        return [RerunDay(pass_, day, tuple(hours)) for pass_, day, hours in row[0]]

    def end_rerun(self, rerun: int, token: int, error: str) -> None:
        self._repeatable("select engine.end_rerun(%s::bigint, %s::bigint, %s::text)", (rerun, token, error))

    def live_model(self) -> ModelFile | None:
        """None before the first model."""
        row = self._repeatable(
            "select json_agg(json_build_array(id, kind, file_id, bytes)) from engine.live_model()", ()
        )
        return None if row[0] is None else ModelFile(*row[0][0])

    def read_model(self, model: ModelFile) -> bytes:
        pieces: list[bytes] = []
        while sum(map(len, pieces)) < (model.size or 0):
            row = self._repeatable("select engine.model_piece(%s::uuid, %s::int)", (model.file, len(pieces)))
            if not row[0]:
                raise Unavailable(f"model {model.id} was removed while it was read")
            pieces.append(row[0])
        return b"".join(pieces)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _repeatable(self, text: str, values: Sequence[Any]) -> tuple[Any, ...]:
        try:
            return self._call(text, values)
        except psycopg.Error as error:
            raise self._translated(error) from error

    def _call(self, text: str, values: Sequence[Any]) -> tuple[Any, ...]:
        is_reused = self._connection is not None and not self._connection.closed
        try:
            row = self._execute(text, values)
        except psycopg.OperationalError:
            # the server restarted since the last call: that is no outage. Every call here can be repeated
            if not is_reused or (self._connection is not None and not self._connection.closed):
                raise
            row = self._execute(text, values)
        return row

    def _execute(self, text: str, values: Sequence[Any]) -> tuple[Any, ...]:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url, statement_ms=self._statement_ms, autocommit=True)
        row = self._connection.execute(text, values).fetchone()
        if row is None:
            raise Unavailable("the database answered without a row")
        return row

    def _translated(self, error: psycopg.Error) -> Exception:
        named = named_error(error.sqlstate, one_line(error))
        if isinstance(named, Unavailable):
            # the connection may be half dead: the next call opens another
            self.close()
        return named or error


def named_error(state: str | None, message: str) -> Exception | None:
    """The error of this job for a SQLSTATE; None for one that is neither part of the contract nor temporary."""
    known: dict[str, type[Exception]] = {
        "WF001": Fenced,
        "WE001": StagedRowsLost,
        "WE002": ContractMismatch,
        "WE003": RawEventsGone,
    }
    if state is None or state.startswith(_RETRYABLE):
        return Unavailable(message)
    kind = known.get(state)
    return None if kind is None else kind(message)
