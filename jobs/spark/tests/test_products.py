import json
from typing import Any

import pytest
from pyspark.sql import Row

from weir_spark.products import Change, Content, changes_of, collect_changes, contents_of, merge, point_id


def event(body: Any, **change: Any) -> Row:
    members = {
        "format": "native",
        "event_type": "view",
        "occurred_at": "2026-01-01T00:00:00.123456Z",
        "product_key": "p1",
        "items": None,
        "event": json.dumps(body),
    }
    return Row(**{**members, **change})


def test_the_id_of_a_point_is_that_of_the_stream() -> None:
    # uuidOfText("abc") of server/src/core/uuid.ts
    assert point_id("abc") == "ba7816bf-8f01-8fea-8141-40de5dae2223"


def test_a_product_is_found_where_each_format_has_it() -> None:
    lamp = {"name": "Lamp", "category": "Light", "price": "12.5", "currency": "try"}
    content = Content("Lamp", None, "Light", 12.5, "TRY")
    assert contents_of(event({"product": {"id": "p1", **lamp}})) == {"p1": content}
    assert contents_of(event({"properties": {"product_id": "p1", **lamp}}, format="segment")) == {"p1": content}
    assert contents_of(event({"data": {"product": {"id": "p1", **lamp}}}, format="cloudevents")) == {"p1": content}


def test_each_line_of_an_order_is_a_product() -> None:
    lines = [{"product_id": 7, "name": "A"}, {"id": "b", "description": " B\u00a0"}]
    row = event(
        {"properties": {"products": lines, "currency": "EUR"}},
        product_key=None,
        items='[{"id":"7","amount":1.5},{"id":"b"},{"id":"7"},{"quantity":1}]',
    )
    assert contents_of(row) == {
        "7": Content(name="A", currency="EUR"),
        "b": Content(description="B", currency="EUR"),
    }


@pytest.mark.parametrize(
    ("price", "read"),
    [(5, 5.0), ("5", 5.0), ("1e2", 100.0), (-1, None), ("much", None), ("1_0", None), (None, None), ([5], None)],
)
def test_a_price_that_is_no_number_is_none(price: Any, read: float | None) -> None:
    assert contents_of(event({"product": {"id": "p1", "price": price}}))["p1"].price == read


def test_a_long_text_is_cut_between_characters() -> None:
    [content] = contents_of(event({"product": {"name": "x" * 499 + "😀"}})).values()
    assert content.name == "x" * 499
    [content] = contents_of(event({"product": {"name": "x" * 498 + "😀"}})).values()
    assert content.name == "x" * 498 + "😀"


def test_changes_add_up_to_the_same_in_any_order() -> None:
    rows = [
        event({"product": {"name": "Old"}}, occurred_at="2026-01-01T00:00:00.000000Z"),
        event({"product": {"name": "New"}}, occurred_at="2026-01-03T00:00:00.000001Z", event_type="cart"),
        event({"product": {"description": "no name"}}, occurred_at="2026-01-04T00:00:00.000000Z"),
        event({}, product_key="p2"),
    ]
    expected = Change(
        "p1",
        "2026-01-01T00:00:00.000Z",
        "2026-01-04T00:00:00.000Z",
        {"view": 2, "cart": 1},
        Content("New"),
        "2026-01-03T00:00:00.000001Z",
    )
    for some in (rows, rows[::-1]):
        merged = merge([*collect_changes(some[:2]), *collect_changes(some[2:])])
        assert merged[point_id("p1")] == expected
        assert merged[point_id("p2")].content is None
    assert [change.key for row in rows for change in changes_of(row)] == ["p1", "p1", "p1", "p2"]
