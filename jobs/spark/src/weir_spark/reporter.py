"""A thread that reports the job's state to the database, at least every few seconds."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from weir_spark.engine import EngineDatabase, Fenced
from weir_spark.log import log
from weir_spark.resilience import Unavailable
from weir_spark.state import JobState

_INTERVAL_S = 2.0


class Reporter:
    """Has a database connection of its own: a long fold must not look like a dead job."""

    def __init__(
        self,
        target: tuple[EngineDatabase, int] | None,
        state: JobState,
        *,
        # of each query, by its name
        progress: Callable[[], Mapping[str, dict[str, Any]]],
        on_fenced: Callable[[], None],
    ) -> None:
        # with the epoch of the run
        self._target = target
        self._state = state
        self._progress = progress
        self._on_fenced = on_fenced
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)
        self._is_failing = False

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ends.set()
        self._thread.join(timeout=5)
        if self._target is not None:
            self._target[0].close()

    def _run(self) -> None:
        while True:
            self._report()
            if self._ends.wait(_INTERVAL_S):
                self._report()
                return

    def _report(self) -> None:
        try:
            for query, progress in self._progress().items():
                self._state.progress(query, progress)
            if self._target is not None:
                database, epoch = self._target
                database.report(epoch, self._state.report())
            self._is_failing = False
        except Fenced as error:
            log("error", "another engine folds the windows now", error=str(error))
            self._ends.set()
            self._on_fenced()
        except Unavailable as error:
            self._say(str(error))
        except Exception as error:
            self._say(repr(error))

    def _say(self, error: str) -> None:
        if not self._is_failing:
            log("warn", "the job's report could not be written", error=error)
        self._is_failing = True
