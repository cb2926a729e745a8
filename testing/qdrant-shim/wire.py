"""From Qdrant's JSON to the engine's objects and back. Unsupported input is a `Refusal`."""

import uuid

import qdrant_edge as edge

SCHEMAS = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
    "float": edge.PayloadSchemaType.Float,
    "bool": edge.PayloadSchemaType.Bool,
    "datetime": edge.PayloadSchemaType.Datetime,
    "text": edge.PayloadSchemaType.Text,
    "uuid": edge.PayloadSchemaType.Uuid,
}


class EngineBool:
    """
    The binding takes Python's `bool`, a kind of `int`, for the integer 1 or 0. It accepts NumPy's, which is
    none, and knows it by its name alone.
    """

    def __init__(self, value):
        self.value = value

    def __bool__(self):
        return self.value


EngineBool.__module__, EngineBool.__name__ = "numpy", "bool_"


class Refusal(Exception):
    """An answer other than 200, with the real server's message."""

    def __init__(self, status, error):
        super().__init__(error)
        self.status = status
        self.error = error


def malformed(about):
    return Refusal(400, f"Format error in JSON body: {about}")


def read_id(value):
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str):
        try:
            return str(uuid.UUID(value))
        except ValueError:
            pass
    raise malformed(
        f"value {value} is not a valid point ID, valid values are either an unsigned integer or a UUID"
    )


def write_id(value):
    return value if isinstance(value, int) else str(value)


def read_vector(value, size):
    numbers = isinstance(value, list) and all(type(n) in (int, float) for n in value)
    if not numbers:
        raise malformed("data did not match any variant of untagged enum VectorStruct")
    if len(value) != size:
        raise Refusal(
            400, f"Wrong input: Vector dimension error: expected dim: {size}, got {len(value)}"
        )
    return value


def read_points(body, size):
    points = body.get("points")
    if not isinstance(points, list):
        raise malformed("data did not match any variant of untagged enum PointInsertOperations")
    if not points:
        raise Refusal(400, "Bad request: Empty update request")
    # ids before vectors, as the parser checks them before the collection's size is known
    ids = [read_id(point.get("id")) for point in points]
    return [
        edge.Point(id, read_vector(point.get("vector"), size), point.get("payload") or {})
        for id, point in zip(ids, points)
    ]


def read_filter(value, place="filter"):
    """None when there is no filter."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise malformed("invalid type: expected struct Filter")
    for name in value:
        if name not in ("must", "should", "must_not", "min_should"):
            raise malformed(
                f"unknown field `{name}`, expected one of `should`, `min_should`, `must`, `must_not`"
            )
    parts = {
        name: read_conditions(value[name], f"{place}.{name}")
        for name in ("must", "should", "must_not")
        if value.get(name) is not None
    }
    least = value.get("min_should")
    if least is not None:
        conditions = read_conditions(least["conditions"], f"{place}.min_should.conditions")
        parts["min_should"] = edge.MinShould(conditions, least["min_count"])
    return edge.Filter(**parts)


def read_conditions(value, place):
    conditions = value if isinstance(value, list) else [value]
    return [
        read_condition(condition, f"{place}[{index}]") for index, condition in enumerate(conditions)
    ]


def read_condition(value, place):
    if not isinstance(value, dict):
        raise malformed("data did not match any variant of untagged enum Condition")
    if "is_empty" in value:
        return edge.IsEmptyCondition(value["is_empty"]["key"])
    if "is_null" in value:
        return edge.IsNullCondition(value["is_null"]["key"])
    if "has_id" in value:
        return edge.HasIdCondition({read_id(id) for id in value["has_id"]})
    if "key" not in value:
        return read_filter(value, place)
    if value.get("match") is not None:
        return edge.FieldCondition(value["key"], match=read_match(value["match"]))
    if value.get("range") is not None:
        return edge.FieldCondition(value["key"], range=read_range(value["range"]))
    raise Refusal(
        422,
        f"Validation error in JSON body: [internal.{place}.__all__: Validation error: "
        "At least one field condition must be specified [{}]]",
    )


def read_match(match):
    try:
        if "value" in match:
            value = match["value"]
            return edge.MatchValue(EngineBool(value) if isinstance(value, bool) else value)
        if "any" in match:
            return edge.MatchAny(match["any"])
        if "except" in match:
            return edge.MatchExcept(match["except"])
        if "text" in match:
            return edge.MatchText(match["text"])
    except TypeError:
        pass
    # floats, and lists of strings and numbers mixed
    raise malformed("data did not match any variant of untagged enum Condition")


def read_range(bounds):
    given = {name: bounds[name] for name in ("gt", "gte", "lt", "lte") if bounds.get(name) is not None}
    try:
        if any(isinstance(bound, str) for bound in given.values()):
            return edge.RangeDateTime(**given)
        return edge.RangeFloat(**given)
    except (TypeError, ValueError):
        raise malformed("data did not match any variant of untagged enum Condition") from None


def write_record(record, with_payload, with_vector):
    written = {"id": write_id(record.id)}
    if with_payload:
        written["payload"] = record.payload if record.payload is not None else {}
    if with_vector:
        written["vector"] = list(record.vector)
    if getattr(record, "order_value", None) is not None:
        written["order_value"] = record.order_value
    return written


def write_scored(point, with_payload, with_vector):
    written = {"id": write_id(point.id), "version": point.version, "score": point.score}
    if with_payload:
        written["payload"] = point.payload if point.payload is not None else {}
    if with_vector:
        written["vector"] = list(point.vector)
    return written
