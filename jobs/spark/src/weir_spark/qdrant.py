"""The calls of Qdrant's REST API that the job needs."""

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from weir_spark.config import Qdrant
from weir_spark.resilience import Guard, Unavailable

_BATCH_POINTS = 1_000
_RETRIEVED_AT_ONCE = 1_000
_SCROLLED_AT_ONCE = 512


class QdrantRefused(Exception):
    """Qdrant understood the call and refuses it: a retry does not help."""


class QdrantNotFound(QdrantRefused):
    pass


class QdrantClient:
    """One kept connection; for one thread. Every call is repeatable, and guarded."""

    def __init__(self, settings: Qdrant, guard: Guard) -> None:
        self._url = urlsplit(settings.url)
        self._ca = settings.ca
        self._guard = guard
        self._connection: http.client.HTTPConnection | None = None
        self._headers = {
            "content-type": "application/json",
            # a compressed answer is chunked, and its last chunk waits for a delayed ACK: 44 ms instead of 1.2
            "accept-encoding": "identity",
            **({} if settings.api_key is None else {"api-key": settings.api_key}),
        }

    def ensure_collection(self, name: str, dimension: int, indexes: Mapping[str, str]) -> None:
        """Raises QdrantRefused when it exists with another dimension."""
        path = f"/collections/{quote(name, safe='')}"
        try:
            info = self.call("GET", path)
        except QdrantNotFound:
            self.call("PUT", path, {"vectors": {"size": dimension, "distance": "Cosine"}})
            info = self.call("GET", path)
        size = info["config"]["params"]["vectors"].get("size")
        if size != dimension:
            raise QdrantRefused(f"collection {name} has {size} dimensions, the model {dimension}")
        for field, kind in indexes.items():
            if field not in info.get("payload_schema", {}):
                body = {"field_name": field, "field_schema": kind}
                self.call("PUT", f"{path}/index?wait=true", body)

    def retrieve(self, collection: str, ids: Sequence[str], *, with_vector: bool) -> dict[str, Any]:
        """Points by id; those that do not exist are missing."""
        found: dict[str, Any] = {}
        path = f"/collections/{quote(collection, safe='')}/points"
        for start in range(0, len(ids), _RETRIEVED_AT_ONCE):
            some = list(ids[start : start + _RETRIEVED_AT_ONCE])
            body = {"ids": some, "with_payload": True, "with_vector": with_vector}
            found.update((point["id"], point) for point in self.call("POST", path, body))
        return found

    def all_points(self, collection: str) -> Iterator[list[dict[str, Any]]]:
        """Pages of points, without vectors. A collection that does not exist has none."""
        path = f"/collections/{quote(collection, safe='')}/points/scroll"
        offset: Any = None
        while True:
            body = {"limit": _SCROLLED_AT_ONCE, "with_payload": True, "with_vector": False}
            try:
                page = self.call("POST", path, body if offset is None else {**body, "offset": offset})
            except QdrantNotFound:
                return
            if page["points"]:
                yield page["points"]
            offset = page["next_page_offset"]
            if offset is None:
                return

    def drop_collection(self, name: str) -> None:
        self.call("DELETE", f"/collections/{quote(name, safe='')}")

    def upsert(self, collection: str, points: Sequence[Mapping[str, Any]]) -> None:
        """Returns when queries find them."""
        path = f"/collections/{quote(collection, safe='')}/points?wait=true"
        for start in range(0, len(points), _BATCH_POINTS):
            self.call("PUT", path, {"points": points[start : start + _BATCH_POINTS]})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The `result` of the answer. Raises Unavailable, or QdrantRefused."""
        data = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return self._guard.call(lambda: self._once(method, self._url.path.rstrip("/") + path, data))

    def _once(self, method: str, path: str, data: bytes | None) -> Any:
        try:
            status, text = self._exchange(method, path, data)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unavailable(f"Qdrant does not answer: {error or type(error).__name__}") from error
        if 200 <= status < 300:
            try:
                return json.loads(text)["result"]
            except (ValueError, KeyError, TypeError) as error:
                raise Unavailable("the server at Qdrant's URL is not Qdrant") from error
        if status in (401, 403, 408, 429) or status >= 500:
            raise Unavailable(f"Qdrant answers {status}")
        said = text.decode("utf-8", "replace")[:300]
        raise (QdrantNotFound if status == 404 else QdrantRefused)(f"Qdrant refuses the call ({status}): {said}")

    def _exchange(self, method: str, path: str, data: bytes | None) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request(method, path, body=data, headers=self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "127.0.0.1", self._url.port
        timeout = self._guard.settings.timeout_ms / 1000
        if self._url.scheme == "https":
            context = ssl.create_default_context(cafile=self._ca)
            return http.client.HTTPSConnection(host, port or 443, timeout=timeout, context=context)
        return http.client.HTTPConnection(host, port or 6333, timeout=timeout)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
