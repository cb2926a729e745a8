from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from weir_spark.config import Qdrant
from weir_spark.points import Embed, ProductPoints, next_states, payload_of
from weir_spark.products import Change, Content, point_id
from weir_spark.qdrant import QdrantClient, QdrantRefused
from weir_spark.resilience import (
    Breaker,
    BreakerOpen,
    BreakerSettings,
    Guard,
    GuardSettings,
    RetryPolicy,
    Strategy,
    Unavailable,
)

FIRST, LAST = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"
LAMP = Content("Lamp", None, "Light", 5.0, "TRY")


def change(**given: Any) -> Change:
    return Change(**{"key": "p1", "first_seen": FIRST, "last_seen": LAST, "counts": {"view": 1}, **given})


def after(changes: Change, before: Mapping[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    about = {"checkpoint": "c", "batch_id": 1, "keeps_others": False, **given}
    return next_states({"id": changes}, {} if before is None else {"id": before}, **about)["id"]


def test_a_batch_that_comes_again_changes_nothing() -> None:
    once = after(change(content=LAMP, described_at=LAST), batch_id=3)
    assert after(change(counts={"view": 7}), once, batch_id=3) == once
    assert after(change(counts={"view": 7}), once, batch_id=2) == once
    assert after(change(counts={"view": 7}), once, batch_id=4)["counts"] == {"view": 8}


def test_a_new_checkpoint_that_reads_everything_again_counts_from_zero() -> None:
    once = after(change(), batch_id=9)
    assert after(change(), once, checkpoint="other", batch_id=0)["counts"] == {"view": 1}
    assert after(change(), once, checkpoint="other", batch_id=0, keeps_others=True)["counts"] == {"view": 2}


def test_the_newest_description_counts_and_an_equal_text_keeps_what_is_stored() -> None:
    once = after(change(content=LAMP, described_at=LAST))
    older = change(content=Content("Old lamp"), described_at=FIRST)
    assert payload_of(after(older, once, batch_id=2))["name"] == "Lamp"
    cheaper = change(content=Content("Lamp", None, "Light", 4.0, "EUR"), described_at="2026-01-03T00:00:00.000Z")
    state = after(cheaper, once, batch_id=2)
    assert (state["content"]["price"], state["described_at"]) == (5.0, "2026-01-03T00:00:00.000Z")
    newer = change(content=Content("New lamp"), described_at="2026-01-03T00:00:00.000Z")
    assert payload_of(after(newer, once, batch_id=2)) == {
        "product_id": "p1",
        "name": "New lamp",
        "first_seen": FIRST,
        "last_seen": LAST,
        "counts": {"view": 2},
    }


class CountingClient(QdrantClient):
    """Counts the points that are written."""

    written = 0

    def upsert(self, collection: str, points: Sequence[Mapping[str, Any]]) -> None:
        self.written += len(points)
        super().upsert(collection, points)


def client_of(url: str, **breaker: Any) -> CountingClient:
    policy = RetryPolicy(Strategy.FIXED, 1, 1, 1)
    guard = Guard(GuardSettings(policy, 2_000), Breaker(BreakerSettings(**breaker)), lambda _: False)
    return CountingClient(Qdrant(url), guard)


def test_only_texts_that_changed_are_embedded_and_only_points_that_changed_are_written(qdrant: str) -> None:
    client, embedded = client_of(qdrant), list[str]()
    points = ProductPoints(client, "products_m", 2, keeps_others=False)

    def embed(texts: Sequence[str]) -> dict[str, list[float]]:
        embedded.extend(texts)
        return {one: [0.6, 0.8] for one in texts}

    def write(batch_id: int, given: Change) -> int:
        changes = {point_id(given.key): given}
        return points.write(changes, checkpoint="c", batch_id=batch_id, embed=embed)

    def stored() -> Any:
        return client.retrieve("products_m", [point_id("p1")], with_vector=True)[point_id("p1")]

    assert write(0, change(content=LAMP, described_at=LAST)) == 1
    assert embedded == ["Lamp. Light"]
    assert write(1, change(content=LAMP, described_at=LAST)) == 1
    assert embedded == ["Lamp. Light"], "a count changed, the text did not"
    assert stored()["payload"]["counts"] == {"view": 2}
    assert write(2, Change("p2", FIRST, LAST, {"view": 1})) == 0, "nothing describes it"
    # as after a crash between the states and the points
    assert write(1, change(content=LAMP, described_at=LAST)) == 1
    assert stored()["payload"]["counts"] == {"view": 2}
    assert stored()["vector"] == pytest.approx([0.6, 0.8])


def test_another_model_takes_over_states_and_points_also_when_it_is_interrupted_and_back(qdrant: str) -> None:
    client = client_of(qdrant)
    ids = [point_id("p1"), point_id("p2")]
    described = {
        id_: change(key=f"p{n}", content=Content(f"Lamp {n}"), described_at=LAST) for n, id_ in enumerate(ids, 1)
    }

    def open_model(name: str, vector: list[float]) -> tuple[ProductPoints, Embed]:
        points = ProductPoints(client, f"products_{name}", len(vector), keeps_others=False)
        return points, lambda texts: dict.fromkeys(texts, vector)

    def stored(name: str) -> dict[str, Any]:
        return client.retrieve(f"products_{name}", ids, with_vector=True)

    first, by_first = open_model("a", [0.6, 0.8])
    assert first.take_over(by_first) == 0
    first.write(described, checkpoint="c", batch_id=0, embed=by_first)

    def fails(_: Sequence[str]) -> dict[str, list[float]]:
        raise Unavailable("killed")

    second, by_second = open_model("b", [1.0, 0.0, 0.0])
    with pytest.raises(Unavailable):
        second.take_over(fails)
    second, by_second = open_model("b", [1.0, 0.0, 0.0])
    assert second.take_over(by_second) == 2
    assert {id_: point["payload"] for id_, point in stored("b").items()} == {
        id_: point["payload"] for id_, point in stored("a").items()
    }
    assert stored("b")[ids[1]]["vector"] == pytest.approx([1.0, 0.0, 0.0])
    # the batch comes again: the previous model has counted it
    second.write(described, checkpoint="c", batch_id=0, embed=by_second)
    assert stored("b")[ids[0]]["payload"]["counts"] == {"view": 1}
    second.write(described, checkpoint="c", batch_id=1, embed=by_second)
    assert open_model("b", [1.0, 0.0, 0.0])[0].take_over(fails) == 0, "a restart embeds nothing again"

    back, by_back = open_model("a", [0.6, 0.8])
    assert back.take_over(by_back) == 2
    assert stored("a")[ids[0]]["payload"]["counts"] == {"view": 2}


def test_a_batch_that_changes_nothing_writes_nothing(qdrant: str) -> None:
    client = client_of(qdrant)
    points = ProductPoints(client, "products_m", 1, keeps_others=False)
    assert points.write({}, checkpoint="c", batch_id=0, embed=lambda _: {}) == 0
    assert client.written == 0


def test_a_collection_of_another_dimension_is_refused(qdrant: str) -> None:
    client = client_of(qdrant)
    client.ensure_collection("products_m", 2, {"category": "keyword"})
    client.ensure_collection("products_m", 2, {"category": "keyword"})
    with pytest.raises(QdrantRefused, match="2 dimensions"):
        client.ensure_collection("products_m", 3, {})


def test_a_qdrant_that_does_not_answer_opens_the_breaker() -> None:
    client = client_of("http://127.0.0.1:1", consecutive_failures=2)
    for _ in range(2):
        with pytest.raises(Unavailable, match="does not answer"):
            client.call("GET", "/collections")
    with pytest.raises(BreakerOpen):
        client.call("GET", "/collections")
