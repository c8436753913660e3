"""Durations: text and numbers in, whole milliseconds kept, the shortest text out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.errors import ConfigurationError
from warren.topology import format_duration, parse_duration
from warren.topology.duration import MAX_DURATION


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30.0),
        ("1m", 60.0),
        ("1.5m", 90.0),
        ("2h", 7200.0),
        ("1d", 86_400.0),
        (" 10 s ", 10.0),
        (10, 10.0),
        (0.25, 0.25),
        (0.0014, 0.001),
    ],
)
def test_a_duration_is_read_in_seconds(written: float | str, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.5, "500ms"), (1.5, "1500ms"), (10, "10s"), (90, "90s"), (60, "1m"), (3600, "1h"), (86_400, "1d")],
)
def test_a_duration_is_written_in_the_largest_unit_that_divides_it(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("nonsense", ["", "10", "ten seconds", "1h30m", "-5s", "5 years", "s", "1e3s", "٣s"])
def test_text_without_number_and_unit_is_refused_with_an_example(nonsense: str) -> None:
    with pytest.raises(ConfigurationError, match='like "500ms", "30s"') as refused:
        parse_duration(nonsense)
    assert repr(nonsense) in str(refused.value)


@pytest.mark.parametrize("useless", [0, -1, 0.0001, "0s", MAX_DURATION + 1, "50d"])
def test_a_duration_the_broker_could_not_take_is_refused(useless: float | str) -> None:
    with pytest.raises(ConfigurationError, match="between 1ms and 49d"):
        parse_duration(useless)


@pytest.mark.parametrize("wrong", [True, None, float("nan"), float("inf"), [1]])
def test_what_is_neither_number_nor_text_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigurationError, match="seconds as a number"):
        parse_duration(wrong)


@given(st.integers(min_value=1, max_value=2**32 - 1))
def test_what_is_written_is_read_back_exactly(total_ms: int) -> None:
    seconds = total_ms / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-9)
    assert parse_duration(seconds) == parse_duration(f"{total_ms}ms")


@given(st.integers(min_value=1, max_value=2**32 - 1), st.integers(min_value=1, max_value=2**32 - 1))
def test_different_delays_have_different_texts(one_ms: int, other_ms: int) -> None:
    assert (format_duration(one_ms / 1000) == format_duration(other_ms / 1000)) == (one_ms == other_ms)
