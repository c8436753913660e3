"""Virtual time on a broker whose clock cannot be moved, without a broker.

Not here: the stage that waits for it.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren import Retry
from warren.errors import ConfigurationError
from warren.integrations.pytest_plugin.rabbitmq_stage import ShorterRetry, read_scale
from warren.integrations.pytest_plugin.timeline import Timeline

ONE, OTHER = ("billing.invoices", "1"), ("billing.invoices", "2")


def test_a_delay_begins_when_the_one_before_it_was_due() -> None:
    line = Timeline()
    line.retried(ONE, 60)
    line.now = 60.0
    line.delivered(ONE)
    line.retried(ONE, 180)
    assert line.next(239.0) is None
    assert line.next(240.0) == (240.0, ONE)


def test_a_message_that_came_early_counts_as_coming_when_it_was_due() -> None:
    line = Timeline()
    line.retried(ONE, 60)
    line.delivered(ONE)  # by the wall clock, while virtual time stands at 0
    line.retried(ONE, 180)
    assert line.next(1_000.0) == (240.0, ONE)


def test_what_is_due_first_comes_first() -> None:
    line = Timeline()
    line.retried(ONE, 60)
    line.retried(OTHER, 30)
    assert line.next(60.0) == (30.0, OTHER)
    line.delivered(OTHER)
    assert line.next(60.0) == (60.0, ONE)
    assert line.waits(ONE)
    assert not line.waits(OTHER)


def test_a_first_delivery_is_due_to_no_tier() -> None:
    line = Timeline()
    line.delivered(ONE)
    line.now = 5.0
    line.retried(ONE, 60)
    assert line.next(65.0) == (65.0, ONE)


@given(st.lists(st.integers(1, 10_000).map(lambda ms: ms / 1000), min_size=1, max_size=20))
def test_a_ladder_takes_as_long_as_its_delays_together(delays: list[float]) -> None:
    line = Timeline()
    end = float(sum(round(delay * 1000) for delay in delays)) / 1000
    for delay in delays:
        line.retried(ONE, delay)
        step = line.next(end)
        assert step is not None
        line.now = step[0]
        line.delivered(ONE)
    assert line.now == pytest.approx(end)


def test_a_shorter_policy_has_as_many_attempts_and_shortens_what_a_handler_asks_for() -> None:
    shorter = ShorterRetry(Retry("1m", "10m", "1h", attempts=7), 0.001)
    assert shorter.attempts == 7
    assert shorter.delays == (0.06, 0.6, 3.6)
    assert shorter.tier_for(600.0) == 0.6
    assert shorter.tier_for(601.0) == 3.6


def test_no_delay_is_shorter_than_a_broker_can_tell() -> None:
    assert ShorterRetry(Retry("10ms", "1s"), 0.001).delays == (0.001, 0.001)
    assert ShorterRetry(Retry(), 0.001).delays == ()


@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "1.1", "nan"])
def test_a_time_scale_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="time scale"):
        read_scale(text)
