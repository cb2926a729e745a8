"""Messages of topic `events` as DataFrames: read, checked and separated. No input or output here."""

from collections.abc import Iterable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from weir_spark.event_schema import CHOICES, EVENT_SCHEMA, PATTERNS, REQUIRED, VERSION

# A B-tree entry of PostgreSQL holds 2,704 bytes; Weir accepts shorter keys anyway.
LONGEST_KEY_BYTES = 2_000
_KEYS = ("service", "event_type", "user_key", "product_key")
_TEXTS = (*_KEYS, "event_id", "incarnation")
_CORRUPT = "_corrupt"
# What PostgreSQL's numeric takes, within its range.
_NUMBER = r"^-?[0-9]{1,1000}(\.[0-9]{1,1000})?([eE][+-]?[0-9]{1,3})?$"
_ITEMS = "array<struct<id:string,amount:string>>"
# Spark writes nested JSON again, numbers as doubles; amounts must stay exact. Within a JSON text a quote is
# escaped, so this cannot be found inside a string. Weir's relay writes the members in this order.
_ITEMS_AS_SENT = r',"items":(\[.*?\]),"xid":"'

_PARSED = StructType([*EVENT_SCHEMA.fields, StructField(_CORRUPT, StringType())])


def parse(messages: DataFrame) -> DataFrame:
    """The messages with the columns of the event, and why one is refused.

    In: `key`, `value` (binary), `topic`, `partition`, `offset`, `headers`. Out: the same and one column for
    each member of the event, `reason` and `detail`, which are null for a valid message.
    """
    text = F.try_validate_utf8(F.col("value").cast("string"))
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": _CORRUPT}
    read = messages.withColumn("_text", text).withColumn("_event", F.from_json("_text", _PARSED, options))
    columns = [F.col(f"_event.{name}").alias(name) for name in _PARSED.fieldNames()]
    flat = read.select(*messages.columns, "_text", F.col("_event").isNull().alias("_is_empty"), *columns).withColumn(
        "items", _items_as_sent()
    )
    judged = flat.withColumn("_problem", F.coalesce(*_problems()))
    return judged.select(
        *messages.columns,
        *EVENT_SCHEMA.fieldNames(),
        F.col("_problem.reason").alias("reason"),
        F.col("_problem.detail").alias("detail"),
    )


def valid(parsed: DataFrame) -> DataFrame:
    return parsed.where(F.col("reason").isNull())


def invalid(parsed: DataFrame) -> DataFrame:
    return parsed.where(F.col("reason").isNotNull())


def deduplicate(events: DataFrame) -> DataFrame:
    """One row for each event, whatever its number of messages; all messages of an event say the same."""
    return events.dropDuplicates(["service_id", "id"])


def dead_letters(refused: DataFrame, topic: str, time: str) -> DataFrame:
    """Refused messages as rows for Kafka: original key, bytes and headers, and why. `time` is RFC 3339."""
    about = {
        "weir-dlq-reason": F.col("reason"),
        "weir-dlq-detail": F.col("detail"),
        "weir-dlq-topic": F.col("topic"),
        "weir-dlq-partition": F.col("partition").cast("string"),
        "weir-dlq-offset": F.col("offset").cast("string"),
        "weir-dlq-time": F.lit(time),
    }
    added = F.array(
        *[F.struct(F.lit(name).alias("key"), F.encode(value, "UTF-8").alias("value")) for name, value in about.items()]
    )
    own = F.coalesce("headers", F.array().cast("array<struct<key:string,value:binary>>"))
    return refused.select(F.lit(topic).alias("topic"), "key", "value", F.concat(own, added).alias("headers"))


def _problems() -> Iterable[Column]:
    """Each is null, or a struct (reason, detail); the first that is not null counts."""
    yield _when(F.col("value").isNull(), "malformed", "the message has no value")
    yield _when(F.col("_text").isNull(), "malformed", "the value is not valid UTF-8")
    yield _when(
        F.col(_CORRUPT).isNotNull() | F.col("_is_empty"),
        "malformed",
        "the value is not one JSON object with members of the right types",
    )
    for name in REQUIRED:
        yield _when(F.col(name).isNull(), "invalid_event", f"/{name} is missing")
    yield _when(
        F.col("version") != VERSION,
        "unsupported_version",
        f"/version must be {VERSION}: update the job",
    )
    for name, choices in CHOICES.items():
        yield _when(~F.col(name).isin(*choices), "invalid_event", f"/{name} is none of {', '.join(choices)}")
    for name, pattern in PATTERNS.items():
        yield _when(
            F.col(name).isNotNull() & ~F.col(name).rlike(pattern),
            "invalid_event",
            f"/{name} does not match {pattern}",
        )
    for name in ("occurred_at", "received_at"):
        yield _when(F.try_to_timestamp(F.col(name)).isNull(), "invalid_event", f"/{name} is no instant")
    yield _when(~F.col("service_id").between(1, 2**31 - 1), "invalid_event", "/service_id is out of range")
    yield _when(F.length("xid") > 19, "invalid_event", "/xid is out of range")
    yield _when(~_is_number(F.col("amount")), "invalid_event", "/amount is out of range")
    yield _when(~_items_are_right(), "invalid_event", "/items is no array of lines")
    yield _when(~F.col("event").startswith("{"), "invalid_event", "/event must be an object")
    for name in _TEXTS:
        yield _when(F.col(name).contains("\0"), "not_storable", f"/{name} holds the character U+0000")
    for name in _KEYS:
        yield _when(
            F.octet_length(name) > LONGEST_KEY_BYTES,
            "not_storable",
            f"/{name} is longer than {LONGEST_KEY_BYTES} bytes",
        )


def _when(condition: Column, reason: str, detail: str) -> Column:
    return F.when(condition, F.struct(F.lit(reason).alias("reason"), F.lit(detail).alias("detail")))


def _items_as_sent() -> Column:
    exact = F.regexp_extract("_text", _ITEMS_AS_SENT, 1)
    is_same = (exact != "") & F.from_json(exact, _ITEMS).eqNullSafe(F.from_json("items", _ITEMS))
    return F.when(F.col("items").isNull(), None).when(is_same, exact).otherwise(F.col("items"))


def _is_number(column: Column) -> Column:
    return column.isNull() | column.rlike(_NUMBER)


def _items_are_right() -> Column:
    items = F.from_json("items", _ITEMS, {"mode": "PERMISSIVE"})
    lines = F.forall(items, lambda item: item.isNotNull() & _is_number(item["amount"]))
    return F.col("items").isNull() | (
        F.col("items").startswith("[") & items.isNotNull() & F.coalesce(lines, F.lit(False))
    )
