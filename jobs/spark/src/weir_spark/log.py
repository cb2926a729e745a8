"""The job's log: one JSON line each on stderr, as Weir's other processes write."""

import json
import sys
import threading
from datetime import UTC, datetime
from typing import Any

_lock = threading.Lock()


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def log(level: str, message: str, **more: Any) -> None:
    line = json.dumps({"time": now(), "level": level, "msg": message, **more}, default=str)
    with _lock:
        print(line, file=sys.stderr, flush=True)
