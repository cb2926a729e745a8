"""Retries and circuit breakers, with the words and the defaults of weir.yaml's section `resilience`."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")


class Strategy(StrEnum):
    FIXED = "FIXED"
    LINEAR = "LINEAR"
    EXPONENTIAL = "EXPONENTIAL"
    EXPONENTIAL_JITTER = "EXPONENTIAL_JITTER"


class BreakerState(StrEnum):
    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True)
class RetryPolicy:
    """Times in milliseconds; `attempts` includes the first."""

    strategy: Strategy
    attempts: int
    base_ms: int
    max_ms: int


@dataclass(frozen=True)
class BreakerSettings:
    """0 consecutive failures, or a failure rate of 1, disables that condition."""

    consecutive_failures: int = 5
    failure_rate: float = 0.5
    window_calls: int = 50
    open_ms: int = 5_000
    half_open_calls: int = 1


@dataclass(frozen=True)
class GuardSettings:
    policy: RetryPolicy
    timeout_ms: int = 10_000
    breaker: BreakerSettings = field(default_factory=BreakerSettings)


DEFAULT_POLICIES: Mapping[str, RetryPolicy] = {
    "DEFAULT": RetryPolicy(Strategy.EXPONENTIAL_JITTER, 3, 100, 5_000),
    "AGGRESSIVE": RetryPolicy(Strategy.EXPONENTIAL_JITTER, 6, 50, 2_000),
    "CONSERVATIVE": RetryPolicy(Strategy.LINEAR, 2, 1_000, 10_000),
    "NETWORK": RetryPolicy(Strategy.EXPONENTIAL_JITTER, 4, 200, 10_000),
}


def guard_settings(section: Mapping[str, Any], kind: str) -> GuardSettings:
    """The settings of one kind of guard out of the section `resilience`, completed by the defaults."""
    policies = dict(DEFAULT_POLICIES)
    for name, given in section.get("policies", {}).items():
        policies[name] = RetryPolicy(Strategy(given["strategy"]), given["attempts"], given["base_ms"], given["max_ms"])
    guards = section.get("guards", {})
    guard = guards.get(kind, guards.get("default", {}))
    return GuardSettings(
        policy=policies[guard.get("policy", "DEFAULT")],
        timeout_ms=guard.get("timeout_ms", 10_000),
        breaker=BreakerSettings(**guard.get("breaker", {})),
    )


def retry_delay_ms(policy: RetryPolicy, retry: int, draw: Callable[[], float]) -> float:
    """Milliseconds before the `retry`-th retry, from 1. `draw` is uniform in [0, 1), for the jitter."""
    if policy.strategy is Strategy.FIXED:
        delay = float(policy.base_ms)
    elif policy.strategy is Strategy.LINEAR:
        delay = float(policy.base_ms * retry)
    else:
        # the exponent is bounded: a call that is retried for days must not overflow
        delay = min(float(policy.max_ms), policy.base_ms * 2.0 ** min(retry - 1, 40))
        if policy.strategy is Strategy.EXPONENTIAL_JITTER:
            delay *= 0.5 + 0.5 * draw()
    return min(float(policy.max_ms), delay)


class Unavailable(Exception):
    """The dependency does not answer, or asks to try again later."""


class BreakerOpen(Unavailable):
    """Not attempted: the dependency failed repeatedly and is left alone for a while."""


class Breaker:
    """Opens after too many consecutive failures or too large a share of them; trials close it again."""

    def __init__(
        self,
        settings: BreakerSettings,
        on_change: Callable[[BreakerState], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._on_change = on_change
        self._clock = clock
        self._lock = threading.Lock()
        self._state = BreakerState.CLOSED
        self._opened_at = 0.0
        self._consecutive = 0
        self._recent: deque[bool] = deque(maxlen=settings.window_calls)
        self._trials = 0
        self._succeeded_trials = 0

    @property
    def state(self) -> BreakerState:
        return self._state

    def before(self) -> None:
        """Raises BreakerOpen when a call must not be attempted now."""
        with self._lock:
            if self._state is BreakerState.OPEN:
                left = self._opened_at + self._settings.open_ms / 1000 - self._clock()
                if left > 0:
                    raise BreakerOpen(f"the breaker is open for another {left:.1f} s")
                self._change(BreakerState.HALF_OPEN)
                self._trials = self._succeeded_trials = 0
            if self._state is BreakerState.HALF_OPEN:
                if self._trials >= self._settings.half_open_calls:
                    raise BreakerOpen("a trial call is in progress")
                self._trials += 1

    def succeeded(self) -> None:
        with self._lock:
            self._consecutive = 0
            self._recent.append(True)
            if self._state is BreakerState.HALF_OPEN:
                self._succeeded_trials += 1
                if self._succeeded_trials >= self._settings.half_open_calls:
                    self._recent.clear()
                    self._change(BreakerState.CLOSED)

    def failed(self) -> None:
        with self._lock:
            self._consecutive += 1
            self._recent.append(False)
            if self._state is BreakerState.HALF_OPEN or (self._state is BreakerState.CLOSED and self._is_too_much()):
                self._opened_at = self._clock()
                self._change(BreakerState.OPEN)

    def _is_too_much(self) -> bool:
        settings = self._settings
        if 0 < settings.consecutive_failures <= self._consecutive:
            return True
        is_full = len(self._recent) == settings.window_calls
        failures = self._recent.count(False)
        return is_full and failures > settings.failure_rate * settings.window_calls

    def _change(self, state: BreakerState) -> None:
        self._state = state
        self._on_change(state)


@dataclass
class Guard:
    """Retries with a breaker around each attempt. `wait(s)` pauses and returns true when the job stops."""

    settings: GuardSettings
    breaker: Breaker
    wait: Callable[[float], bool]
    on_retry: Callable[[], None] = lambda: None
    draw: Callable[[], float] = random.random

    def call(self, work: Callable[[], T]) -> T:
        """Raises the last `Unavailable` when the attempts are used up; any other error at once."""
        retry = 0
        while True:
            self.breaker.before()
            try:
                result = work()
            except Unavailable:
                self.breaker.failed()
                retry += 1
                policy = self.settings.policy
                if retry >= policy.attempts or self.breaker.state is not BreakerState.CLOSED:
                    raise
                if self.wait(retry_delay_ms(policy, retry, self.draw) / 1000):
                    raise
                self.on_retry()
            except BaseException:
                # an answer, only not the hoped for: the dependency works
                self.breaker.succeeded()
                raise
            else:
                self.breaker.succeeded()
                return result
