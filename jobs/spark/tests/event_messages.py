"""Messages of topic `events` for tests."""

import json
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession

KAFKA = (
    "key binary, value binary, topic string, partition int, offset bigint,"
    " headers array<struct<key:string,value:binary>>"
)

FACTS: dict[str, Any] = {
    "version": 1,
    "service": "shop",
    "service_id": 3,
    "format": "native",
    "id": "0190a3a1-5c1e-7d8a-9b2f-3c4d5e6f7a8b",
    "event_id": "e-1",
    "event_type": "purchase",
    "occurred_at": "2024-01-15T10:30:00.000000Z",
    "received_at": "2024-01-15T10:30:00.412345Z",
    "user_key": "user123",
    "product_key": None,
    "amount": "12.90",
    "currency": "TRY",
    "items": [{"id": "p1", "quantity": 1, "amount": 12.90}],
    "xid": "12345",
    "incarnation": "7345612345678901234:1",
    "event": {"event_id": "e-1"},
}


def text(**change: Any) -> bytes:
    return json.dumps({**FACTS, **change}).encode()


def messages(spark: SparkSession, *values: bytes | None) -> DataFrame:
    rows = [(b"k", value, "events", 0, n, [Row(key="traceparent", value=b"00-1")]) for n, value in enumerate(values)]
    return spark.createDataFrame(rows, KAFKA)
