import json

import pytest
from pyspark.sql import Row, SparkSession

from tests.event_messages import FACTS, KAFKA, messages, text
from weir_spark.messages import dead_letters, deduplicate, invalid, parse, valid


def test_the_lines_of_an_order_keep_their_numbers_exactly(spark: SparkSession) -> None:
    items = '[ {"id":"p1", "amount": 12.90 },{"id":"ü\\"],", "amount":1234567890123456789.10} ]'
    value = json.dumps({**FACTS, "items": None}, separators=(",", ":"))
    value = value.replace('"items":null', f'"items":{items}')
    [row] = parse(messages(spark, value.encode())).collect()
    assert row.reason is None
    assert row["items"] == items
    assert (row.amount, row.service_id, row.user_key, row.product_key) == (
        "12.90",
        3,
        "user123",
        None,
    )
    assert json.loads(row.event) == {"event_id": "e-1"}


def test_members_in_another_order_are_read_too(spark: SparkSession) -> None:
    value = json.dumps(dict(reversed(FACTS.items()))).encode()
    [row] = parse(messages(spark, value)).collect()
    assert (row.reason, json.loads(row["items"])) == (None, FACTS["items"])


INVALID: list[tuple[bytes | None, str, str]] = [
    (None, "malformed", "no value"),
    (b"\xff{}", "malformed", "UTF-8"),
    (b"", "malformed", "JSON"),
    (b"[]", "malformed", "JSON"),
    (b"7", "malformed", "JSON"),
    (b'{"version":1', "malformed", "JSON"),
    (b"{}", "invalid_event", "/version"),
    (text(version=2), "unsupported_version", "/version"),
    (text(service_id="three"), "malformed", "types"),
    (text(service_id=0), "invalid_event", "/service_id"),
    (text(service_id=2**31), "invalid_event", "/service_id"),
    (text(id="abc"), "invalid_event", "/id"),
    (text(format="xml"), "invalid_event", "/format"),
    (text(occurred_at="2024-01-15"), "invalid_event", "/occurred_at"),
    (text(occurred_at="2024-13-15T10:30:00.000000Z"), "invalid_event", "/occurred_at"),
    (text(amount="1,5"), "invalid_event", "/amount"),
    (text(amount="1" * 2_000), "invalid_event", "/amount"),
    (text(currency="try"), "invalid_event", "/currency"),
    (text(items={"id": "p1"}), "invalid_event", "/items"),
    (text(items=[{"id": "p1", "amount": "much"}]), "invalid_event", "/items"),
    (text(items=[7]), "invalid_event", "/items"),
    (text(xid="9" * 20), "invalid_event", "/xid"),
    (text(event=None), "invalid_event", "/event"),
    (text(event=[1]), "invalid_event", "/event"),
    (text(user_key="a\0b"), "not_storable", "/user_key"),
    (text(product_key="p" * 3_000), "not_storable", "/product_key"),
]


def test_a_message_that_cannot_be_folded_is_refused_with_its_reason(spark: SparkSession) -> None:
    rows = parse(messages(spark, *[value for value, _, _ in INVALID])).collect()
    for row, (value, reason, detail) in zip(rows, INVALID, strict=True):
        assert row.reason == reason, (value, row.reason, row.detail)
        assert detail in row.detail, (value, row.detail)


def test_a_refused_message_affects_only_itself(spark: SparkSession) -> None:
    parsed = parse(messages(spark, b"{", text(), b"\xff", text(id="0" * 8 + "-0000-7000-8000-" + "0" * 12)))
    assert [row.offset for row in valid(parsed).collect()] == [1, 3]
    assert [row.offset for row in invalid(parsed).collect()] == [0, 2]


def test_an_event_delivered_twice_is_one_and_the_same_id_of_another_service_is_another(
    spark: SparkSession,
) -> None:
    events = valid(parse(messages(spark, text(), text(), text(service_id=4), text())))
    assert sorted(row.service_id for row in deduplicate(events).collect()) == [3, 4]


def test_a_dead_letter_keeps_key_bytes_and_headers_and_names_its_place(spark: SparkSession) -> None:
    refused = invalid(parse(messages(spark, text(), b"\xffbroken")))
    [row] = dead_letters(refused, "events.dlq", "2026-01-01T00:00:00.000Z").collect()
    assert (row.topic, row.key, row.value) == ("events.dlq", b"k", b"\xffbroken")
    headers = {header.key: header.value.decode() for header in row.headers}
    assert headers == {
        "traceparent": "00-1",
        "weir-dlq-reason": "malformed",
        "weir-dlq-detail": "the value is not valid UTF-8",
        "weir-dlq-topic": "events",
        "weir-dlq-partition": "0",
        "weir-dlq-offset": "1",
        "weir-dlq-time": "2026-01-01T00:00:00.000Z",
    }


@pytest.mark.parametrize("headers", [None, []])
def test_a_message_without_headers_becomes_a_dead_letter_too(spark: SparkSession, headers: list[Row] | None) -> None:
    frame = spark.createDataFrame([(None, b"x", "events", 0, 0, headers)], KAFKA)
    [row] = dead_letters(invalid(parse(frame)), "d", "t").collect()
    assert len(row.headers) == 6
