"""Numbers as a line: what is drawn, and what is told to who does not see it."""

from __future__ import annotations

import math
import re

from hypothesis import given
from hypothesis import strategies as st

from warren.dashboard.sparkline import spark

_NUMBERS = st.none() | st.floats(allow_nan=True, allow_infinity=True, width=32)


def test_nothing_known_draws_nothing_and_says_so() -> None:
    for values in ([], [None, None], [math.nan]):
        assert (spark(values).line, spark(values).told) == ("", "not known")


def test_the_line_goes_from_zero_to_the_highest_over_the_whole_width() -> None:
    drawn = spark([0, 5, 10])
    assert drawn.line == "M0.0 20.5L44.0 11.0 88.0 1.5"
    assert drawn.told == "now 10, lowest 0, highest 10"


def test_what_is_not_known_is_a_gap() -> None:
    drawn = spark([1, 2, None, 3, 4])
    assert drawn.line.count("M") == 2
    assert drawn.area.count("Z") == 2


def test_one_number_is_no_line_yet() -> None:
    assert (spark([None, 7]).line, spark([None, 7]).told) == ("", "now 7")


def test_one_number_between_gaps_is_a_dash_that_can_be_seen() -> None:
    assert spark([1, 2, None, 7, None]).line.endswith("h2")


def test_zeros_are_a_line_at_the_bottom() -> None:
    assert spark([0, 0]).line == "M0.0 20.5L88.0 20.5"


def test_a_level_line_needs_only_its_ends() -> None:
    assert spark([0, 0, 0, 0, 4, 4, 4]).line == "M0.0 20.5L44.0 20.5 58.7 1.5 88.0 1.5"


@given(st.lists(_NUMBERS, max_size=50))
def test_every_point_is_inside_the_picture(values: list[float | None]) -> None:
    drawn = spark(values)
    points = re.findall(r"(-?[\d.]+) (-?[\d.]+)", drawn.line)
    assert all(0 <= float(x) <= drawn.width and 0 <= float(y) <= drawn.height for x, y in points)
