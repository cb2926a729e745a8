"""What schemathesis cannot know about Weir: media types, formats, and which rejections no schema can say."""

import json
import re

import schemathesis
from hypothesis import strategies as st


@schemathesis.serializer("application/x-ndjson", "application/ndjson", "application/jsonl")
def lines(_ctx, value):
    """A JSON array becomes one line per element; what is no array stays invalid."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, list):
        return json.dumps(value).encode()
    return "".join(json.dumps(item) + "\n" for item in value).encode()


@schemathesis.serializer("application/cloudevents+json", "application/cloudevents-batch+json")
def cloud_events(_ctx, value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


schemathesis.openapi.format(
    "time-zone",
    st.sampled_from(["UTC", "Europe/Istanbul", "America/New_York", "Australia/Lord_Howe"]),
)


# Positive data that is refused all the same: operation, code, and the reason in words. Each is about
# something that JSON Schema and OpenAPI have no words for.
INEXPRESSIBLE = [
    # two parameters, or a parameter and the clock
    (r".*", "unanswerable_query", r"from: must be before"),
    (r".*", "unanswerable_query", r"from: the range may span at most"),
    (r".*", "unanswerable_query", r"(from|to|at): must be between the years"),
    (r".*", "unanswerable_query", r"granularity: gives more than"),
    (r".*", "unanswerable_query", r"period: the range contains more than"),
    (r".*", "unanswerable_query", r"currency: (belongs to|is only allowed)"),
    (r".*", "unanswerable_query", r"(event_type|source): the metric"),
    (r".*", "unanswerable_query", r"The minimum price"),
    # what a cursor holds, which zones exist, which models are filled
    (r".*", "unanswerable_query", r"cursor: "),
    (r".*", "unanswerable_query", r"time_zone: must be an IANA time zone"),
    (r".*", "invalid_request", r"there is no filled model"),
    (
        r"POST /api/windows/rerun",
        "invalid_request",
        r"/start: (is not the start of|is in the future|lies before|.*retention)",
    ),
    # what the database holds
    (r".*/api/services.*", "invalid_request", r"/role: there is no role"),
    (r"POST /api/keys", "invalid_request", r"/replaces: service .* has no key"),
    (r"POST /api/keys", "invalid_request", r"/expires_at: must be in the future"),
    (r".*", "invalid_request", r"this would leave no usable key"),
    (r".*/api/dlq/.*", "invalid_request", r"the dead letter is|the replay is"),
    (r"POST /api/(search|events/search)", "invalid_request", r"price|must be before"),
    # which addresses a host has
    (r".*/api/subscriptions.*", "destination_refused", r""),
    # who was erased
    (r".*", "user_erased", r"was erased and is blocked"),
    (r".* /v1/.*", "malformed_request", r"was erased and is blocked"),
    # the clock, and arithmetic on several members
    (r".*", "invalid_event", r"(is more than 24 hours in the future|is before 1970)"),
    (r".*", "invalid_event", r"an amount with more than 30 digits"),
    (r".*", "invalid_event", r"has \d+ (members|bytes)|is nested deeper"),
    (r".* /v1/.*", "malformed_request", r"is more than 24 hours in the future|is before 1970"),
    (r".* /v1/.*", "malformed_request", r"place the event before 1970 or more than a day"),
    (r".* /v1/.*", "malformed_request", r"an amount with more than 30 digits"),
    (r".* /v1/.*", "malformed_request", r"and different content already exists"),
]


def reasons_of(body):
    """(code, detail) of a problem document, or of each event that a batch's answer rejects."""
    if "results" in body:
        return [(r.get("code"), r.get("detail", "")) for r in body["results"] if "code" in r]
    return [(body["code"], body.get("detail", ""))]


@schemathesis.check
def positive_data_is_refused_only_for_what_no_schema_says(ctx, response, case):
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive:
        return
    if response.status_code not in (400, 422):
        return
    label = case.operation.label
    for code, detail in reasons_of(response.json()):
        known = any(
            re.fullmatch(operation, label) and code == expected and re.search(words, detail)
            for operation, expected, words in INEXPRESSIBLE
        )
        if not known and code not in ("conflict",):
            raise AssertionError(f"{label} refused schema-valid data: {code}: {detail}")
