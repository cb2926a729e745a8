"""Product vectors in Qdrant: the same collection, ids and payloads as the part `stream` writes.

What a product's point says is a sum over events, so the job keeps a state for each product: a point of a second
collection beside the vectors, so that both live and end together. A state names the micro-batch that changed it
last: a batch that comes again changes no state and writes its points once more.
"""

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from pyspark import SparkFiles
from pyspark.sql import DataFrame, SparkSession

from weir_spark.config import Config
from weir_spark.embedders import Embedded, EmbedderSettings, embed_texts
from weir_spark.engine import EngineDatabase
from weir_spark.log import log
from weir_spark.models import CurrentModel, LiveModel, configured_model
from weir_spark.products import Change, Content, collect_changes, merge, product_events
from weir_spark.qdrant import QdrantClient
from weir_spark.state import JobState

# As the part `models` creates them: server/src/parts/models/model-store.ts.
_INDEXES = {"category": "keyword", "price": "float", "currency": "keyword", "last_seen": "datetime"}
# Fewer texts are embedded in the driver: a job for them costs more.
_TEXTS_FOR_TASKS = 512

States = Mapping[str, Mapping[str, Any]]
Embed = Callable[[Sequence[str]], Mapping[str, list[float]]]

# Which collection has the states of all products: the one with the highest sequence.
_WRITERS = "spark_collections"


class ProductPoints:
    def __init__(self, client: QdrantClient, collection: str, dimension: int, *, keeps_others: bool) -> None:
        """`keeps_others`: states of another checkpoint are added to; else this one reads all their events again."""
        self._client = client
        self._collection = collection
        self._states = f"spark_state_{collection}"
        self._dimension = dimension
        self._keeps_others = keeps_others
        self._is_prepared = False

    def write(self, changes: Mapping[str, Change], *, checkpoint: str, batch_id: int, embed: Embed) -> int:
        """The points of the changed products; returns how many were written. Raises Unavailable."""
        if not changes:
            return 0
        self._prepare()
        ids = list(changes)
        before = {product: point["payload"] for product, point in self._read(self._states, ids).items()}
        after = next_states(changes, before, checkpoint=checkpoint, batch_id=batch_id, keeps_others=self._keeps_others)
        changed = [product for product in ids if after[product] != before.get(product)]
        self._client.upsert(
            self._states, [{"id": product, "vector": [1.0], "payload": after[product]} for product in changed]
        )
        return self._write_points(after, before, embed)

    def take_over(self, embed: Embed) -> int:
        """Before the first write with a model: embeds what the collection that was written before has. Returns the
        number of points.

        Repeatable: only its end is noted. A state names the last batch that it has counted, so a batch that comes again
        after a switch is not counted twice.
        """
        self._prepare()
        self._client.ensure_collection(_WRITERS, 1, {})
        writers = [point["payload"] for page in self._client.all_points(_WRITERS) for point in page]
        newest = max(writers, key=lambda writer: int(writer["sequence"]), default=None)
        if newest is not None and newest["collection"] == self._collection:
            return 0
        written = 0
        if newest is not None:
            for page in self._client.all_points(f"spark_state_{newest['collection']}"):
                states = {str(point["id"]): point["payload"] for point in page}
                self._client.upsert(
                    self._states, [{"id": id_, "vector": [1.0], "payload": state} for id_, state in states.items()]
                )
                written += self._write_points(states, {}, embed)
        sequence = 1 if newest is None else int(newest["sequence"]) + 1
        payload = {"collection": self._collection, "sequence": sequence}
        own = str(uuid.uuid5(uuid.NAMESPACE_URL, self._collection))
        self._client.upsert(_WRITERS, [{"id": own, "vector": [1.0], "payload": payload}])
        for writer in writers:
            if writer["collection"] != self._collection:
                self._client.drop_collection(f"spark_state_{writer['collection']}")
        return written

    def _write_points(self, after: States, before: States, embed: Embed) -> int:
        described = [product for product, state in after.items() if state["content"] is not None]
        existing = self._read(self._collection, described, with_vector=True)
        stale = {
            product
            for product in described
            if product not in existing or _text_may_differ(after[product], before.get(product))
        }
        texts = {product: Content(**after[product]["content"]).text for product in stale}
        vectors = embed(sorted(set(texts.values())))
        points = []
        for product in described:
            payload = payload_of(after[product])
            vector = vectors[texts[product]] if product in stale else existing[product]["vector"]
            if product in stale or payload != existing[product]["payload"]:
                points.append({"id": product, "vector": vector, "payload": payload})
        self._client.upsert(self._collection, points)
        return len(points)

    def _prepare(self) -> None:
        if self._is_prepared:
            return
        self._client.ensure_collection(self._collection, self._dimension, _INDEXES)
        self._client.ensure_collection(self._states, 1, {})
        self._is_prepared = True

    def _read(self, collection: str, ids: Sequence[str], *, with_vector: bool = False) -> dict[str, Any]:
        try:
            return self._client.retrieve(collection, ids, with_vector=with_vector)
        except Exception:
            # it may have been emptied: the next attempt creates the collections
            self._is_prepared = False
            raise


def next_states(
    changes: Mapping[str, Change], before: States, *, checkpoint: str, batch_id: int, keeps_others: bool
) -> dict[str, dict[str, Any]]:
    """The states after a batch, by point id. A batch that a state has counted changes nothing in it."""
    after = {}
    for product, change in changes.items():
        state = before.get(product)
        is_own = state is not None and state["checkpoint"] == checkpoint
        if state is not None and is_own and state["batch_id"] >= batch_id:
            after[product] = dict(state)
            continue
        base = state if is_own or keeps_others else None
        after[product] = {**_added(base, change), "checkpoint": checkpoint, "batch_id": batch_id}
    return after


def _added(state: Mapping[str, Any] | None, change: Change) -> dict[str, Any]:
    if state is None:
        content = change.content
        return {
            "key": change.key,
            "first_seen": change.first_seen,
            "last_seen": change.last_seen,
            "counts": change.counts,
            "content": None if content is None else asdict(content),
            "described_at": change.described_at,
        }
    stored = None if state["content"] is None else Content(**state["content"])
    total = Change(
        state["key"],
        state["first_seen"],
        state["last_seen"],
        dict(state["counts"]),
        stored,
        state["described_at"],
    )
    has_same_text = stored is not None and change.content is not None and stored.hash == change.content.hash
    total.add(change)
    if has_same_text:
        # as in stream.add_to_products: what is described alike stays as it is
        total.content = stored
    return {
        "key": total.key,
        "first_seen": total.first_seen,
        "last_seen": total.last_seen,
        "counts": total.counts,
        "content": None if total.content is None else asdict(total.content),
        "described_at": total.described_at,
    }


def payload_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """server/src/parts/stream/points/product-points.ts"""
    content = state["content"]
    known = {name: content[name] for name in ("name", "category", "price", "currency") if content[name] is not None}
    seen = {name: state[name] for name in ("first_seen", "last_seen", "counts")}
    return {"product_id": state["key"], **known, **seen}


def _text_may_differ(after: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    """Also of a batch that comes again: it may have died between its states and its points."""
    if before is None or before["content"] is None or after == before:
        return True
    return Content(**after["content"]).text != Content(**before["content"]).text


class PointsProcessor:
    """What foreachBatch of the query `points` does with its events."""

    def __init__(self, client: QdrantClient, current: CurrentModel, state: JobState, *, keeps_others: bool) -> None:
        self._client = client
        self._current = current
        self._state = state
        self._keeps_others = keeps_others
        self._points: ProductPoints | None = None
        self._settings: EmbedderSettings | None = None

    def write(self, events: DataFrame, *, checkpoint: str, batch_id: int) -> None:
        session = events.sparkSession
        points, embed = self._with_current_model(session)
        changes = merge(product_events(events).rdd.mapPartitions(collect_changes).collect())
        written = points.write(changes, checkpoint=checkpoint, batch_id=batch_id, embed=embed)
        self._state.points.inc(written)

    def _with_current_model(self, session: SparkSession) -> tuple[ProductPoints, Embed]:
        """Another model may have gone live since the last batch."""
        model = self._current()
        settings = model.settings

        def embed(texts: Sequence[str]) -> Mapping[str, list[float]]:
            return self._embed(session, texts, settings)

        if self._points is not None and self._settings == settings:
            return self._points, embed
        if settings.model == "lsa":
            session.sparkContext.addFile(settings.path)
        points = ProductPoints(self._client, f"products_{model.id}", model.dimension, keeps_others=self._keeps_others)
        taken = points.take_over(embed)
        if taken > 0:
            log("info", "points were embedded again by the new model", model=model.id, points=taken)
            self._state.points.inc(taken)
        self._state.update(model=model.id)
        self._points, self._settings = points, settings
        return points, embed

    def _embed(self, session: SparkSession, texts: Sequence[str], settings: EmbedderSettings) -> dict[str, list[float]]:
        if len(texts) < _TEXTS_FOR_TASKS:
            done = list(embed_texts(texts, settings))
        else:
            context = session.sparkContext
            parts = context.parallelize(texts, context.defaultParallelism)
            done = parts.mapPartitions(lambda some: embed_texts(some, _local(settings))).collect()
        vectors: dict[str, list[float]] = {}
        for part in done:
            self._count(part)
            rows = np.frombuffer(part.vectors, dtype="<f4").reshape(len(part.texts), -1)
            vectors.update(zip(part.texts, rows.tolist(), strict=True))
        return vectors

    def _count(self, part: Embedded) -> None:
        self._state.texts.labels(part.device).inc(len(part.texts))
        self._state.device_fallbacks.inc(part.fallbacks)


def _local(settings: EmbedderSettings) -> EmbedderSettings:
    """The model's file as this executor has it."""
    if settings.model != "lsa" or os.path.exists(settings.path):
        return settings
    return EmbedderSettings("lsa", SparkFiles.get(os.path.basename(settings.path)), settings.device)


def open_points(config: Config, client: QdrantClient, state: JobState) -> PointsProcessor:
    """Without a file in the configuration it follows Weir's live model. Raises ValueError for a damaged file."""
    keeps_others = config.kafka.starting_offsets != "earliest"
    if config.embeddings.model_file:
        model = configured_model(config)
        return PointsProcessor(client, lambda: model, state, keeps_others=keeps_others)
    # a connection of its own: the query `points` has a thread of its own
    live = LiveModel(EngineDatabase(config.database_url), config.embeddings.device)
    return PointsProcessor(client, live, state, keeps_others=keeps_others)
