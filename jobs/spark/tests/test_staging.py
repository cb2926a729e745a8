import json
import re

from pyspark.sql import SparkSession

from tests.event_messages import messages, text
from weir_spark.messages import parse, valid
from weir_spark.staging import COLUMNS, copy_lines, stage

ESCAPES = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def test_a_line_of_copy_holds_the_facts_with_null_and_every_character_kept(spark: SparkSession) -> None:
    odd = "tab\tnew\nline\r back\\slash \\N \\. ş😀"
    value = text(user_key=odd, product_key=None, amount="0.10", items=[{"id": odd, "amount": 1}])
    [row] = copy_lines(valid(parse(messages(spark, value)))).collect()
    assert "\n" not in row.line
    cells = dict(zip(COLUMNS, row.line.split("\t"), strict=True))
    assert unescaped(cells["user_key"]) == odd
    assert json.loads(unescaped(cells["items"]))[0]["id"] == odd
    assert (cells["product_key"], cells["amount"], cells["currency"]) == ("\\N", "0.10", "TRY")
    assert (cells["xid"], cells["service_id"]) == ("12345", "3")
    assert cells["event_id"] == "0190a3a1-5c1e-7d8a-9b2f-3c4d5e6f7a8b"


def test_a_task_without_events_opens_no_connection() -> None:
    assert list(stage([], "postgresql://nowhere.invalid/")) == []


def test_a_task_that_cannot_connect_says_so_and_does_not_fail() -> None:
    [staged] = stage([object()], "postgresql://127.0.0.1:1/none")
    assert staged.rows == 0
    assert staged.unavailable is not None


def unescaped(cell: str) -> str:
    return re.sub(r"\\[\\tnr]", lambda found: ESCAPES[found[0]], cell)
