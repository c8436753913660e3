"""Exponential growth, a cap, and full jitter."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.errors import ConfigurationError
from warren.reliability.backoff import Backoff


class Highest(random.Random):
    """The end of every range."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_the_longest_delay_doubles_up_to_the_cap() -> None:
    backoff = Backoff(base=0.5, cap=30.0)

    assert [backoff.delay(tries, Highest()) for tries in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


@given(st.integers(0, 10**9), st.integers())
def test_every_delay_is_between_nothing_and_the_cap(tries: int, seed: int) -> None:
    assert 0.0 <= Backoff(base=0.5, cap=30.0).delay(tries, random.Random(seed)) <= 30.0


def test_the_whole_range_is_used_so_that_a_fleet_spreads() -> None:
    rng = random.Random(7)
    delays = sorted(Backoff(base=1.0, cap=8.0).delay(3, rng) for _ in range(400))

    quarters = [sum(low <= delay < low + 2 for delay in delays) for low in (0, 2, 4, 6)]
    assert all(70 < count < 130 for count in quarters)


@pytest.mark.parametrize(("base", "cap"), [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (float("nan"), 1.0)])
def test_what_cannot_grow_is_refused(base: float, cap: float) -> None:
    with pytest.raises(ConfigurationError, match="0 < base <= cap"):
        Backoff(base=base, cap=cap)
