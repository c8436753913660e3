"""Figures in narrow columns: short, honest about what is not known, and never rounded to nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.cli.figures import UNKNOWN, count, rate, seconds, share, sparkline


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, UNKNOWN),
        (0, "0"),
        (9_999, "9,999"),
        (12_345, "12k"),
        (999_999, "1,000k"),
        (3_400_000, "3.4M"),
        (7e9, "7.0G"),
    ],
)
def test_counts_get_a_unit_where_they_are_long(number: float | None, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(
    ("number", "text"), [(None, UNKNOWN), (0.0, "0"), (0.01, "<0.1"), (0.2, "0.2"), (17.4, "17"), (1234.0, "1,234")]
)
def test_a_slow_rate_is_not_shown_as_none(number: float | None, text: str) -> None:
    assert rate(number) == text


@pytest.mark.parametrize(
    ("number", "text"), [(None, UNKNOWN), (0.0, "0%"), (0.001, "<1%"), (0.125, "12%"), (1.0, "100%")]
)
def test_a_small_share_is_not_shown_as_none(number: float | None, text: str) -> None:
    assert share(number) == text


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (None, UNKNOWN),
        (0.0, "0s"),
        (0.0001, "1ms"),
        (0.04, "40ms"),
        (0.9999, "1s"),
        (12.3, "12s"),
        (119.0, "119s"),
        (180.0, "3m"),
        (7200.0, "2h"),
        (5 * 86_400.0, "5d"),
        (math.inf, "never"),
    ],
)
def test_times_have_the_unit_that_suits_them(time: float | None, text: str) -> None:
    assert seconds(time) == text


@given(st.floats(0, 1e12))
def test_every_figure_is_short(number: float) -> None:
    assert len(count(number)) <= 6
    assert len(rate(number)) <= 6


@given(st.lists(st.integers(0, 10**9), max_size=50), st.integers(1, 30))
def test_a_sparkline_is_as_long_as_what_it_shows_and_highest_where_that_is(values: list[int], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) == min(len(values), width)
    shown = values[-width:]
    if max(shown, default=0) > 0:
        assert line[shown.index(max(shown))] == "█"


def test_a_queue_that_is_empty_all_the_time_is_a_flat_line() -> None:
    assert sparkline([0, 0, 0], 8) == "▁▁▁"
