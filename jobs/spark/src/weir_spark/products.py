"""What events say about products: the same rules as server/src/parts/stream/steps/product-content.ts."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_LONGEST = {"name": 500, "description": 4_000, "category": 200}
# As JavaScript's trim() understands white space.
_SPACE = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"  # noqa: E501


@dataclass(frozen=True)
class Content:
    """A description of a product. `rank` 2 with a name, 1 with other text, 0 with none."""

    name: str | None = None
    description: str | None = None
    category: str | None = None
    price: float | None = None
    currency: str | None = None

    @property
    def text(self) -> str:
        return ". ".join(part for part in (self.name, self.description, self.category) if part is not None)

    @property
    def rank(self) -> int:
        if self.name is not None:
            return 2
        return 0 if self.text == "" else 1

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass
class Change:
    """What a set of events says about one product. Instants are ISO 8601 text in UTC, which sorts by time."""

    key: str
    first_seen: str
    last_seen: str
    counts: dict[str, int] = field(default_factory=dict)
    content: Content | None = None
    # Of the event that the content is from.
    described_at: str = ""

    def add(self, other: "Change") -> None:
        self.first_seen = min(self.first_seen, other.first_seen)
        self.last_seen = max(self.last_seen, other.last_seen)
        for event_type, count in other.counts.items():
            self.counts[event_type] = self.counts.get(event_type, 0) + count
        self.describe(other.content, other.described_at)

    def describe(self, content: Content | None, at: str) -> None:
        """The newest by rank, event time and hash: a total order, so that the order of events does not matter."""
        if content is None or content.rank == 0:
            return
        if self.content is None or _order(content, at) > _order(self.content, self.described_at):
            self.content, self.described_at = content, at


def _order(content: Content, at: str) -> tuple[int, str, str]:
    return content.rank, at, content.hash


def point_id(key: str) -> str:
    """A version 8 UUID from the SHA-256 of the key: server/src/core/uuid.ts."""
    digest = bytearray(hashlib.sha256(key.encode()).digest()[:16])
    digest[6] = 0x80 | digest[6] & 0x0F
    digest[8] = 0x80 | digest[8] & 0x3F
    return str(uuid.UUID(bytes=bytes(digest)))


def product_events(events: DataFrame) -> DataFrame:
    """The events that are about products, with what describes them."""
    return events.where(F.col("product_key").isNotNull() | F.col("items").isNotNull()).select(
        "format", "event_type", "occurred_at", "product_key", "items", "event"
    )


def collect_changes(rows: Iterable[Any]) -> Iterator[Change]:
    """Runs in a task: one change for each product of the rows of `product_events`."""
    changes: dict[str, Change] = {}
    for row in rows:
        for change in changes_of(row):
            known = changes.get(change.key)
            if known is None:
                changes[change.key] = change
            else:
                known.add(change)
    yield from changes.values()


def merge(changes: Iterable[Change]) -> dict[str, Change]:
    """By point id."""
    merged: dict[str, Change] = {}
    for change in changes:
        known = merged.setdefault(point_id(change.key), change)
        if known is not change:
            known.add(change)
    return merged


def changes_of(row: Any) -> Iterator[Change]:
    at = f"{row.occurred_at[:23]}Z"
    for key, content in contents_of(row).items():
        change = Change(key, at, at, {row.event_type: 1})
        # content is compared with microseconds, as in the database
        change.describe(content, row.occurred_at)
        yield change


def contents_of(row: Any) -> dict[str, Content]:
    """The products of an event by key, each as the event describes it."""
    payload = json.loads(row.event)
    keys = [row.product_key] if row.product_key is not None else _item_keys(row["items"])
    if not keys:
        return {}
    objects = _candidates(row.format, payload)
    found = {}
    for key in keys:
        members = next((one for one in objects if _key_of(one) == key), None)
        if members is None and len(keys) == 1 and objects:
            members = objects[0]
        found[key] = _content_of(members, payload)
    return found


def _item_keys(items: str | None) -> list[str]:
    lines = json.loads(items) if items is not None else []
    return list(dict.fromkeys(line["id"] for line in lines if isinstance(line.get("id"), str)))


def _candidates(event_format: str, payload: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = payload.get("data")
    holder = data if event_format == "cloudevents" and isinstance(data, dict) else payload
    properties = holder.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    lines = properties.get("products")
    found: list[Mapping[str, Any]] = []
    if isinstance(lines, list):
        found = [line for line in lines if isinstance(line, dict)]
    single = properties if event_format == "segment" else holder.get("product")
    return [*found, single] if isinstance(single, dict) else found


def _key_of(product: Mapping[str, Any]) -> str | None:
    for name in ("id", "product_id", "sku"):
        value = product.get(name)
        if value is not None:
            return value if isinstance(value, str) else _plain(value)
    return None


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _content_of(product: Mapping[str, Any] | None, payload: Mapping[str, Any]) -> Content:
    product = product or {}
    properties = payload.get("properties")
    currency = product.get("currency")
    if currency is None and isinstance(properties, dict):
        currency = properties.get("currency")
    is_code = isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isalpha()
    return Content(
        name=_text_of(product.get("name"), "name"),
        description=_text_of(product.get("description"), "description"),
        category=_text_of(product.get("category"), "category"),
        price=_price_of(product.get("price")),
        currency=str(currency).upper() if is_code else None,
    )


def _price_of(value: Any) -> float | None:
    if isinstance(value, str):
        text = value.strip(_SPACE)
        # Python reads more than JavaScript does: 1_000, nan
        if not all(c in "0123456789.+-eE" for c in text):
            return None
        value = text or 0
    if not isinstance(value, int | float | str):
        return None
    try:
        price = float(value)
    except (ValueError, OverflowError):
        return None
    return price if 0 <= price < float("inf") else None


def _text_of(value: Any, member: str) -> str | None:
    if not isinstance(value, str):
        return None
    text = value.strip(_SPACE)
    if text == "":
        return None
    limit = _LONGEST[member]
    if len(text) * 2 <= limit:
        return text
    # lengths count UTF-16 units, as in JavaScript; half a character is left out
    units = text.encode("utf-16-le", "surrogatepass")
    return text if len(units) <= 2 * limit else units[: 2 * limit].decode("utf-16-le", "ignore")
