"""The samples of the last seconds: how many are kept, and what they are enough for.

Not here: what they say (test_measure.py, test_diagnosis.py).
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from warren.signals.findings import Thresholds
from warren.signals.recent import Recent
from warren.signals.samples import Sample


def sample(at: float) -> Sample:
    return Sample(at=at, time=at, queues={})


@given(st.lists(st.floats(0.01, 30.0), min_size=1, max_size=60), st.floats(1.0, 60.0))
def test_what_is_kept_spans_the_time_and_one_sample_less_would_not(steps: list[float], seconds: float) -> None:
    recent, at = Recent(seconds), 0.0
    for step in steps:
        at += step
        recent.add(sample(at))
    kept = recent.samples
    assert kept[-1].at == at
    if len(kept) > 2:
        assert at - kept[1].at < seconds
    assert recent.is_full == (len(kept) > 1 and at - kept[0].at >= seconds)


def test_nothing_spans_nothing() -> None:
    assert Recent(20.0).span == 0.0
    assert not Recent(20.0).is_full


def test_a_short_time_is_enough_for_findings_and_a_long_one_changes_nothing() -> None:
    assert Recent(20.0).thresholds().patience == 20.0
    assert Recent(3600.0).thresholds() == Thresholds()
