"""Generated from protocol/src/topics.ts by `npm run generate`. Do not edit."""

from pyspark.sql.types import LongType, StringType, StructField, StructType

EVENTS_TOPIC = "events"
EVENTS_DLQ_TOPIC = "events.dlq"
VERSION = 1

# Objects and arrays are strings: their JSON text as it was sent.
EVENT_SCHEMA = StructType(
    [
        StructField("version", LongType(), True),
        StructField("service", StringType(), True),
        StructField("service_id", LongType(), True),
        StructField("format", StringType(), True),
        StructField("id", StringType(), True),
        StructField("event_id", StringType(), True),
        StructField("event_type", StringType(), True),
        StructField("occurred_at", StringType(), True),
        StructField("received_at", StringType(), True),
        StructField("user_key", StringType(), True),
        StructField("product_key", StringType(), True),
        StructField("amount", StringType(), True),
        StructField("currency", StringType(), True),
        StructField("items", StringType(), True),
        StructField("xid", StringType(), True),
        StructField("incarnation", StringType(), True),
        StructField("event", StringType(), True),
    ]
)

# Members that may not be null or missing.
REQUIRED = (
    "version",
    "service",
    "service_id",
    "format",
    "id",
    "event_id",
    "event_type",
    "occurred_at",
    "received_at",
    "xid",
    "incarnation",
    "event",
)

PATTERNS = {
    "id": "^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "occurred_at": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
    "received_at": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$",
    "amount": "^-?[0-9]+(?:\\.[0-9]+)?$",
    "currency": "^[A-Z]{3}$",
    "xid": "^[0-9]+$",
}

CHOICES = {
    "format": ("native", "segment", "cloudevents"),
}
