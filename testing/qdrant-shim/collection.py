"""One collection: an engine's shard in its own folder, and the operations on it."""

import hashlib
import io
import json
import os
import shutil
import tarfile
import threading
import time

import qdrant_edge as edge

import wire
from wire import Refusal

DISTANCES = {
    "Cosine": edge.Distance.Cosine,
    "Dot": edge.Distance.Dot,
    "Euclid": edge.Distance.Euclid,
    "Manhattan": edge.Distance.Manhattan,
}


class Collection:
    """`folder` holds `settings.json` and the shard; both survive a kill -9."""

    def __init__(self, folder):
        self.folder = folder
        self.writing = threading.Lock()
        with open(os.path.join(folder, "settings.json"), encoding="utf-8") as file:
            self.settings = json.load(file)
        self.name = self.settings["name"]
        self.size = self.settings["vectors"]["size"]
        self.operations = 0
        self.snapshots = []
        shard = os.path.join(folder, "shard")
        if os.path.isdir(shard):
            self.shard = edge.EdgeShard.load(shard)
        else:
            self.shard = edge.EdgeShard.create(
                shard,
                edge.EdgeConfig(
                    vectors=edge.EdgeVectorParams(
                        size=self.size, distance=DISTANCES[self.settings["vectors"]["distance"]]
                    )
                ),
            )
            self._spend()

    @staticmethod
    def create(folder, name, body):
        vectors = body.get("vectors")
        if not isinstance(vectors, dict) or vectors.get("distance") not in DISTANCES:
            raise wire.malformed("data did not match any variant of untagged enum VectorsConfig")
        if not isinstance(vectors.get("size"), int) or not 1 <= vectors["size"] <= 65536:
            raise Refusal(
                422,
                "Validation error in JSON body: [internal.vectors.size: "
                f"value {vectors.get('size')} invalid, must be from 1.0 to 65536.0]",
            )
        os.makedirs(folder)
        settings = {
            "name": name,
            "vectors": {"size": vectors["size"], "distance": vectors["distance"]},
            "quantization_config": body.get("quantization_config"),
        }
        with open(os.path.join(folder, "settings.json"), "w", encoding="utf-8") as file:
            json.dump(settings, file)
        return Collection(folder)

    def drop(self):
        self.shard.close()
        shutil.rmtree(self.folder)

    def _spend(self):
        """The real server numbers its own operations too (creation, first half of an index)."""
        self.shard.update(edge.UpdateOperation.delete_points([]))

    def update(self, operation, wait, spends=1):
        with self.writing:
            for _ in range(spends - 1):
                self._spend()
            try:
                self.shard.update(operation)
            except Exception as refused:
                raise self._refusal(refused) from refused
            self.operations += spends
            return {
                "operation_id": self.operations,
                "status": "completed" if wait else "acknowledged",
            }

    @staticmethod
    def _refusal(refused):
        text = str(refused)
        if text.startswith("No point with id"):
            return Refusal(404, f"Not found: {text}")
        return Refusal(400, f"Wrong input: {text}")

    # Updates

    def create_index(self, body, wait):
        schema = body.get("field_schema")
        name = schema.get("type") if isinstance(schema, dict) else schema
        if name not in wire.SCHEMAS:
            raise wire.malformed(
                "data did not match any variant of untagged enum PayloadFieldSchema"
            )
        operation = edge.UpdateOperation.create_field_index(body["field_name"], wire.SCHEMAS[name])
        return self.update(operation, wait, spends=2)

    def upsert(self, body, wait):
        points = wire.read_points(body, self.size)
        return self.update(edge.UpdateOperation.upsert_points(points), wait)

    def set_payload(self, body, wait, overwrite):
        by = edge.UpdateOperation
        if body.get("points") is not None:
            set_it = by.overwrite_payload if overwrite else by.set_payload
            ids = [wire.read_id(id) for id in body["points"]]
            return self.update(set_it(ids, body["payload"]), wait)
        set_all = by.overwrite_payload_by_filter if overwrite else by.set_payload_by_filter
        return self.update(set_all(wire.read_filter(body.get("filter")), body["payload"]), wait)

    def delete(self, body, wait):
        if body.get("points") is not None:
            ids = [wire.read_id(id) for id in body["points"]]
            return self.update(edge.UpdateOperation.delete_points(ids), wait)
        chosen = wire.read_filter(body.get("filter"))
        if chosen is None:
            raise wire.malformed("data did not match any variant of untagged enum PointsSelector")
        return self.update(edge.UpdateOperation.delete_points_by_filter(chosen), wait)

    # Reads

    def retrieve(self, body):
        with_payload, with_vector = body.get("with_payload", True), body.get("with_vector", False)
        ids = [wire.read_id(id) for id in body["ids"]]
        records = self.shard.retrieve(ids, with_payload=with_payload, with_vector=with_vector)
        return [wire.write_record(record, with_payload, with_vector) for record in records]

    def point(self, id):
        id = wire.read_id(int(id) if id.isdigit() else id)
        found = self.shard.retrieve([id], with_payload=True, with_vector=True)
        if not found:
            raise Refusal(404, f"Not found: Point with id {id} does not exists!")
        return wire.write_record(found[0], True, True)

    def query(self, body):
        limit = body.get("limit", 10)
        if limit < 1:
            raise Refusal(
                422,
                f"Validation error in JSON body: [internal.limit: value {limit} invalid, "
                "must be 1 or larger]",
            )
        chosen = wire.read_filter(body.get("filter"))
        wanted = body.get("query")
        if isinstance(wanted, (int, str)):
            vector = self.point(str(wanted))["vector"]
            itself = edge.HasIdCondition({wire.read_id(wanted)})
            others = edge.Filter(must_not=[itself])
            chosen = others if chosen is None else edge.Filter(must=[chosen, others])
        elif wanted is None:
            vector = None
        else:
            vector = wire.read_vector(wanted, self.size)
        exact = (body.get("params") or {}).get("exact", False)
        with_payload, with_vector = body.get("with_payload", False), body.get("with_vector", False)
        found = self.shard.query(
            edge.QueryRequest(
                limit=limit,
                offset=body.get("offset", 0),
                query=None if vector is None else edge.Query.Nearest(vector),
                filter=chosen,
                score_threshold=body.get("score_threshold"),
                with_payload=with_payload,
                with_vector=with_vector,
                params=edge.SearchParams(exact=exact),
            )
        )
        return {"points": [wire.write_scored(point, with_payload, with_vector) for point in found]}

    def scroll(self, body):
        with_payload, with_vector = body.get("with_payload", True), body.get("with_vector", False)
        order = body.get("order_by")
        if order is not None:
            direction = {"asc": edge.Direction.Asc, "desc": edge.Direction.Desc}
            order = edge.OrderBy(order["key"], direction[order.get("direction", "asc")])
        offset = body.get("offset")
        records, after = self.shard.scroll(
            edge.ScrollRequest(
                offset=None if offset is None else wire.read_id(offset),
                limit=body.get("limit", 10),
                filter=wire.read_filter(body.get("filter")),
                with_payload=with_payload,
                with_vector=with_vector,
                order_by=order,
            )
        )
        return {
            "points": [wire.write_record(record, with_payload, with_vector) for record in records],
            "next_page_offset": None if after is None else wire.write_id(after),
        }

    def count(self, body):
        request = edge.CountRequest(
            exact=body.get("exact", True), filter=wire.read_filter(body.get("filter"))
        )
        return {"count": self.shard.count(request)}

    def facet(self, body):
        request = edge.FacetRequest(
            body["key"], limit=body.get("limit", 10), filter=wire.read_filter(body.get("filter"))
        )
        hits = self.shard.facet(request).hits
        return {"hits": [{"value": hit.value, "count": hit.count} for hit in hits]}

    def info(self):
        info = self.shard.info()
        names = {schema: name for name, schema in wire.SCHEMAS.items()}
        return {
            "status": "green",
            "optimizer_status": "ok",
            "indexed_vectors_count": info.indexed_vectors_count,
            "points_count": info.points_count,
            "segments_count": info.segments_count,
            "config": {
                "params": {
                    "vectors": self.settings["vectors"],
                    "shard_number": 1,
                    "replication_factor": 1,
                    "write_consistency_factor": 1,
                    "on_disk_payload": True,
                },
                **DEFAULT_CONFIG,
                "quantization_config": self.settings["quantization_config"],
            },
            "payload_schema": {
                field: {"data_type": next(n for s, n in names.items() if s == index.data_type),
                        "points": index.points}
                for field, index in info.payload_schema.items()
            },
            "update_queue": {"length": 0},
        }

    def snapshot(self):
        with self.writing:
            self.shard.flush()
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
                archive.add(os.path.join(self.folder, "shard"), arcname="shard")
        data = packed.getvalue()
        now = time.gmtime()
        self.snapshots.append({
            "name": f"{self.name}-{time.strftime('%Y-%m-%d-%H-%M-%S', now)}.snapshot",
            "creation_time": time.strftime("%Y-%m-%dT%H:%M:%S", now),
            "size": len(data),
            "checksum": hashlib.sha256(data).hexdigest(),
        })
        return self.snapshots[-1]


# What the real server reports when nothing is configured.
DEFAULT_CONFIG = {
    "hnsw_config": {
        "m": 16,
        "ef_construct": 100,
        "full_scan_threshold": 10000,
        "max_indexing_threads": 0,
        "on_disk": False,
    },
    "optimizer_config": {
        "deleted_threshold": 0.2,
        "vacuum_min_vector_number": 1000,
        "default_segment_number": 0,
        "max_segment_size": None,
        "memmap_threshold": None,
        "indexing_threshold": 10000,
        "flush_interval_sec": 5,
        "max_optimization_threads": None,
        "prevent_unoptimized": None,
    },
    "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0, "wal_retain_closed": 1},
}
