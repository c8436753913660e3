"""The words findings are told in.

Not here: which findings (test_diagnosis.py).
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.signals.words import command, count, per_second, percent, span


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (count(0, "message"), "0 messages"),
        (count(1, "message"), "1 message"),
        (count(12_345, "message"), "12,345 messages"),
        (count(2, "retry", "retries"), "2 retries"),
        (percent(0), "0 %"),
        (percent(0.0001), "0.1 %"),
        (percent(0.029), "2.9 %"),
        (percent(0.37), "37 %"),
        (percent(0.9999), "99 %"),
        (percent(1), "100 %"),
        (percent(2.5), "250 %"),
        (per_second(0), "0/s"),
        (per_second(0.001), "less than 0.01/s"),
        (per_second(0.05), "0.05/s"),
        (per_second(3.44), "3.4/s"),
        (per_second(12_345), "12,345/s"),
        (span(0.4), "0.4 s"),
        (span(45.2), "45 s"),
        (span(119), "119 s"),
        (span(300), "5 min"),
        (span(520), "8.7 min"),
        (span(12_600), "3.5 h"),
        (span(400_000), "4.6 days"),
        (span(math.inf), "for ever"),
        (command("inspect", "a b", "--group"), "warren inspect 'a b' --group"),
    ],
)
def test_figures_are_said_as_people_read_them(words: str, said: str) -> None:
    assert words == said


@given(st.floats(0, 1))
def test_what_is_not_all_is_never_said_to_be(share: float) -> None:
    assert (percent(share) == "100 %") == (share == 1)
    assert (percent(share) == "0 %") == (share == 0)
