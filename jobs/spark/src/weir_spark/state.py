"""What the job says about itself: one state, in Prometheus metrics and in the reports to the database."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from weir_spark.engine import Folded
from weir_spark.resilience import BreakerState

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class JobState:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._report: dict[str, Any] = {
            "state": "starting",
            "pid": os.getpid(),
            "ui": None,
            "metrics": None,
            "batch_id": None,
            "rows": 0,
            "rows_per_second": 0.0,
            "batch_ms": 0,
            "offsets_behind": None,
            "error": None,
        }
        self.batches = Counter("weir_spark_job_batches_total", "Micro-batches folded", registry=registry)
        self.messages = Counter(
            "weir_spark_job_messages_total",
            "Messages read, by what became of them",
            ["outcome"],
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "weir_spark_job_batch_duration_seconds",
            "Duration of a stage of a micro-batch",
            ["stage"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.retries = Counter(
            "weir_spark_job_retries_total",
            "Calls and batches that were tried again, by what did not answer",
            ["dependency"],
            registry=registry,
        )
        self.breaker = Gauge(
            "weir_spark_job_breaker_state",
            "State of a circuit breaker: 0 closed, 1 half open, 2 open",
            ["dependency"],
            registry=registry,
        )
        self.texts = Counter(
            "weir_spark_job_texts_embedded_total",
            "Texts embedded, by device",
            ["device"],
            registry=registry,
        )
        self.points = Counter("weir_spark_job_points_written_total", "Points written to Qdrant", registry=registry)
        self.device_fallbacks = Counter(
            "weir_spark_job_device_fallbacks_total",
            "Times that the CPU took over from a GPU that failed",
            registry=registry,
        )
        self._input_rate = Gauge(
            "weir_spark_job_input_messages_per_second",
            "Messages that arrive, as Spark measures it",
            ["query"],
            registry=registry,
        )
        self._processed_rate = Gauge(
            "weir_spark_job_processed_messages_per_second",
            "Messages that are processed, as Spark measures it",
            ["query"],
            registry=registry,
        )
        self._offsets_behind = Gauge(
            "weir_spark_job_offsets_behind",
            "Messages of the topic that were not read yet, of the partition that lags most",
            ["query"],
            registry=registry,
        )
        self._lag = Gauge(
            "weir_spark_job_windows_lag_seconds",
            "Age of the oldest event that the windows lack",
            registry=registry,
        )

    def serve(self, host: str, port: int) -> int:
        server, _ = start_http_server(port, addr=host, registry=self.registry)
        bound = int(server.server_port)
        self.update(metrics=f"http://{host}:{bound}/metrics")
        return bound

    def update(self, **members: Any) -> None:
        with self._lock:
            self._report.update(members)

    def report(self) -> dict[str, Any]:
        with self._lock:
            return dict(self._report)

    def folded(self, result: Folded) -> None:
        for outcome in ("folded", "known", "gone"):
            self.messages.labels(outcome).inc(getattr(result, outcome))
        self._lag.set(result.lag_ms / 1000)
        self.update(
            folded=result.folded,
            known=result.known,
            gone=result.gone,
            behind=result.behind,
            lag_ms=result.lag_ms,
        )

    def done(self, batch_id: int) -> None:
        """A batch of the windows has been folded."""
        self.batches.inc()
        self.update(state="running", batch_id=batch_id, error=None)

    def retrying(self, dependency: str, error: str) -> None:
        self.retries.labels(dependency).inc()
        # the windows do not wait for Qdrant
        if dependency == "postgres":
            self.update(state="retrying", error=error)
        else:
            self.update(**{f"error_{dependency}": error})

    def answers(self, dependency: str) -> None:
        if dependency == "postgres":
            self.update(state="running", error=None)
        else:
            self.update(**{f"error_{dependency}": None})

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.batch_seconds.labels(stage).observe(time.monotonic() - began)

    def breaker_changed(self, dependency: str, state: BreakerState) -> None:
        codes = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
        self.breaker.labels(dependency).set(codes[state])
        self.update(**{f"breaker_{dependency}": codes[state]})

    def progress(self, query: str, progress: dict[str, Any]) -> None:
        """Takes over what Spark says about the last micro-batch of a query."""
        rate_in = float(progress.get("inputRowsPerSecond") or 0)
        rate_out = float(progress.get("processedRowsPerSecond") or 0)
        duration = int((progress.get("durationMs") or {}).get("triggerExecution") or 0)
        metrics = next((source.get("metrics") or {} for source in progress["sources"]), {})
        behind = metrics.get("maxOffsetsBehindLatest")
        self._input_rate.labels(query).set(rate_in)
        self._processed_rate.labels(query).set(rate_out)
        if behind is not None:
            self._offsets_behind.labels(query).set(float(behind))
        prefix = "" if query == "windows" else f"{query}_"
        self.update(
            **{
                f"{prefix}rows": int(progress.get("numInputRows") or 0),
                f"{prefix}rows_per_second": rate_out,
                f"{prefix}input_rows_per_second": rate_in,
                f"{prefix}batch_ms": duration,
                f"{prefix}offsets_behind": None if behind is None else int(float(behind)),
            }
        )
