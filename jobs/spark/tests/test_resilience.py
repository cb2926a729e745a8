from collections.abc import Callable

import pytest

from weir_spark.resilience import (
    DEFAULT_POLICIES,
    Breaker,
    BreakerOpen,
    BreakerSettings,
    BreakerState,
    Guard,
    GuardSettings,
    RetryPolicy,
    Strategy,
    Unavailable,
    guard_settings,
    retry_delay_ms,
)


@pytest.mark.parametrize(
    ("strategy", "delays"),
    [
        (Strategy.FIXED, [100, 100, 100, 100]),
        (Strategy.LINEAR, [100, 200, 300, 350]),
        (Strategy.EXPONENTIAL, [100, 200, 350, 350]),
        (Strategy.EXPONENTIAL_JITTER, [50, 100, 175, 175]),
    ],
)
def test_delays_grow_as_their_strategy_says_up_to_the_maximum(strategy: Strategy, delays: list[float]) -> None:
    policy = RetryPolicy(strategy, 5, 100, 350)
    assert [retry_delay_ms(policy, retry, lambda: 0.0) for retry in (1, 2, 3, 4)] == delays
    assert retry_delay_ms(policy, 100_000, lambda: 0.99) <= 350


def test_the_section_of_weir_yaml_is_understood_and_completed() -> None:
    section = {
        "policies": {"NETWORK": {"strategy": "FIXED", "attempts": 2, "base_ms": 5, "max_ms": 9}},
        "guards": {"vector_store": {"policy": "NETWORK", "timeout_ms": 70, "breaker": {"open_ms": 12}}},
    }
    settings = guard_settings(section, "vector_store")
    assert settings.policy == RetryPolicy(Strategy.FIXED, 2, 5, 9)
    assert (settings.timeout_ms, settings.breaker.open_ms, settings.breaker.consecutive_failures) == (70, 12, 5)
    assert guard_settings({}, "postgres").policy == DEFAULT_POLICIES["DEFAULT"]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def failing() -> None:
    raise Unavailable("down")


def test_the_breaker_opens_lets_a_trial_through_and_closes() -> None:
    clock, seen = Clock(), list[BreakerState]()
    breaker = Breaker(BreakerSettings(consecutive_failures=2, open_ms=1_000), seen.append, clock)
    guard = guard_with(breaker, attempts=1)
    for _ in range(2):
        with pytest.raises(Unavailable, match="down"):
            guard.call(failing)
    assert breaker.state.value == "OPEN"
    with pytest.raises(BreakerOpen):
        guard.call(lambda: 7)
    clock.now = 1.1
    with pytest.raises(Unavailable, match="down"):
        guard.call(failing)
    assert breaker.state.value == "OPEN", "a failed trial opens it again"
    clock.now = 2.2
    assert guard.call(lambda: 7) == 7
    assert seen == [
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
        BreakerState.CLOSED,
    ]


def test_too_large_a_share_of_failures_opens_the_breaker() -> None:
    breaker = Breaker(BreakerSettings(consecutive_failures=0, failure_rate=0.5, window_calls=4))
    for works in (False, True, False, True):
        breaker.before()
        (breaker.succeeded if works else breaker.failed)()
    assert breaker.state.value == "CLOSED"
    breaker.failed()
    breaker.failed()
    assert breaker.state.value == "OPEN"


def test_a_call_is_tried_again_as_often_as_the_policy_allows() -> None:
    calls, waits = list[int](), list[float]()

    def works_at(attempt: int) -> Callable[[], str]:
        def work() -> str:
            calls.append(1)
            if len(calls) < attempt:
                raise Unavailable("down")
            return "done"

        return work

    guard = guard_with(Breaker(BreakerSettings()), attempts=3, waits=waits)
    assert guard.call(works_at(3)) == "done"
    assert waits == [0.1, 0.1]
    calls.clear()
    with pytest.raises(Unavailable):
        guard.call(works_at(4))
    assert len(calls) == 3


def test_an_error_that_is_no_outage_is_not_tried_again_and_opens_nothing() -> None:
    breaker = Breaker(BreakerSettings(consecutive_failures=1))

    def refuses() -> None:
        raise KeyError("no")

    with pytest.raises(KeyError):
        guard_with(breaker, attempts=3).call(refuses)
    assert breaker.state.value == "CLOSED"


def guard_with(breaker: Breaker, *, attempts: int, waits: list[float] | None = None) -> Guard:
    def wait(seconds: float) -> bool:
        if waits is not None:
            waits.append(seconds)
        return False

    return Guard(GuardSettings(RetryPolicy(Strategy.FIXED, attempts, 100, 100)), breaker, wait)
