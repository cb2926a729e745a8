"""Facts of a micro-batch on their way into PostgreSQL: as lines of COPY, written by the tasks."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

COLUMNS = (
    "xid",
    "event_id",
    "service_id",
    "occurred_at",
    "event_type",
    "user_key",
    "product_key",
    "amount",
    "currency",
    "items",
)
_COPY = f"copy engine.staged (token, {', '.join(COLUMNS)}) from stdin"
_CHUNK_LINES = 500
# A task whose server does not answer must not hold its slot for ever.
_STATEMENT_MS = 120_000


def copy_lines(events: DataFrame) -> DataFrame:
    """Valid events as `line`, the text format of COPY without the token, and the message's place.

    Encoded here, in the JVM: a row of eleven columns costs Python several times as much as one string.
    """
    renamed = {"event_id": "id"}
    cells = [_cell(F.col(renamed.get(name, name)).cast("string")) for name in COLUMNS]
    return events.select(F.concat_ws("\t", *cells).alias("line"), "partition", "offset")


def _cell(text: Column) -> Column:
    escaped = text
    for character, code in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        escaped = F.replace(escaped, F.lit(character), F.lit(code))
    return F.coalesce(escaped, F.lit("\\N"))


@dataclass(frozen=True)
class Refused:
    """A message whose facts PostgreSQL does not take."""

    partition: int
    offset: int
    detail: str


@dataclass(frozen=True)
class Staged:
    """What one task wrote. `unavailable`: nothing, because the database did not answer."""

    token: str
    rows: int
    refused: tuple[Refused, ...] = ()
    unavailable: str | None = None


def stage(rows: Iterable[Any], database_url: str) -> Iterator[Staged]:
    """Runs in a task: writes the rows of `copy_lines` under a new token, in one transaction."""
    kept = list(rows)
    if not kept:
        return
    token = str(uuid.uuid4())
    try:
        with connect(database_url, statement_ms=_STATEMENT_MS) as connection:
            yield _stage(connection, token, kept)
    except psycopg.OperationalError as error:
        yield Staged(token, 0, unavailable=one_line(error))


def connect(database_url: str, *, statement_ms: int, autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(
        database_url,
        autocommit=autocommit,
        connect_timeout=10,
        application_name="weir-spark",
        options=f"-c statement_timeout={statement_ms}",
        tcp_user_timeout=statement_ms,
        keepalives_idle=10,
    )


def _stage(connection: psycopg.Connection[tuple[Any, ...]], token: str, rows: Sequence[Any]) -> Staged:
    try:
        with connection.transaction():
            _copy(connection, token, rows)
        return Staged(token, len(rows))
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded):
        with connection.transaction():
            refused = tuple(_copy_halves(connection, token, rows))
        return Staged(token, len(rows) - len(refused), refused)


def _copy_halves(connection: psycopg.Connection[tuple[Any, ...]], token: str, rows: Sequence[Any]) -> Iterator[Refused]:
    """Finds the rows that PostgreSQL refuses; the others are written."""
    try:
        with connection.transaction():
            _copy(connection, token, rows)
    except psycopg.OperationalError as error:
        if not isinstance(error, psycopg.errors.ProgramLimitExceeded):
            raise
        yield from _smaller(connection, token, rows, error)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        yield from _smaller(connection, token, rows, error)


def _smaller(
    connection: psycopg.Connection[tuple[Any, ...]],
    token: str,
    rows: Sequence[Any],
    error: psycopg.Error,
) -> Iterator[Refused]:
    if len(rows) == 1:
        yield Refused(rows[0].partition, rows[0].offset, one_line(error))
        return
    middle = len(rows) // 2
    yield from _copy_halves(connection, token, rows[:middle])
    yield from _copy_halves(connection, token, rows[middle:])


def _copy(connection: psycopg.Connection[tuple[Any, ...]], token: str, rows: Sequence[Any]) -> None:
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for start in range(0, len(rows), _CHUNK_LINES):
            some = rows[start : start + _CHUNK_LINES]
            copy.write("".join(f"{token}\t{row.line}\n" for row in some))


def one_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:500] if text else type(error).__name__
