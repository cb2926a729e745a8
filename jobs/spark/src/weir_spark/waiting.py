"""Stopping: the batch in progress ends, waits end early, and errors of a batch reach the main thread."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyspark.sql.streaming.query import StreamingQuery

from weir_spark.batch import Stopped
from weir_spark.log import log

_POLL_S = 0.2


class StopSignal:
    """Set by a signal, or failed by the job itself."""

    def __init__(self) -> None:
        self._ends = threading.Event()
        self._batches = 0
        self._changed = threading.Condition()
        self._error: BaseException | None = None

    def set(self) -> None:
        self._ends.set()

    def fail(self, error: BaseException) -> None:
        """The first error counts: the job ends with it."""
        if self._error is None:
            self._error = error
        self._ends.set()

    def wait(self, seconds: float) -> bool:
        """Pauses; true when the job stops."""
        return self._ends.wait(seconds)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Around a batch. Errors cross the JVM as text only, so they are kept here too."""
        if self._ends.is_set():
            raise Stopped
        self._count(1)
        try:
            yield
        except BaseException as error:
            self.fail(error)
            raise
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._changed:
            self._batches += change
            self._changed.notify_all()

    def follow(self, queries: Sequence[StreamingQuery], timeout_s: float) -> None:
        """Returns when a stop was asked for or all queries have ended. Raises what one of them failed with."""
        while not self._ends.is_set() and any(query.isActive for query in queries):
            failure = next((query.exception() for query in queries if not query.isActive), None)
            if failure is not None:
                self.fail(failure)
            self._ends.wait(_POLL_S)
        was_stopped = self._ends.is_set()
        with self._changed:
            if not self._changed.wait_for(lambda: self._batches == 0, timeout_s):
                log("warn", "the batch in progress is abandoned and repeated at the next start")
        for query in queries:
            query.stop()
        if self._error is not None:
            raise self._error
        failure = next((query.exception() for query in queries), None)
        if failure is not None and not was_stopped:
            raise failure
