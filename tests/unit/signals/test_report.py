"""A report as JSON: valid whatever the figures are, and the same names as the documentation has.

Not here: the signals and findings in it.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import finding, report, signals
from warren.signals.findings import Severity
from warren.signals.report import describe_finding, describe_queue, describe_report
from warren.signals.results import Lag

PAGE = (Path(__file__).parents[3] / "docs" / "signals.md").read_text().partition("## As JSON")[2]


@given(st.floats(), st.floats())
def test_every_figure_can_be_written_as_json(drain: float, rate: float) -> None:
    told = report(signals("q", lag=Lag(confidence="estimated", drain=drain, p50=rate), publish_rate=rate))
    json.dumps(describe_report(told), allow_nan=False)


@pytest.mark.parametrize(("drain", "number", "drains"), [(None, None, None), (3.0, 3.0, True), (math.inf, None, False)])
def test_a_queue_that_never_gets_empty_is_told_apart_from_one_of_which_nothing_is_known(
    drain: float | None, number: float | None, drains: bool | None
) -> None:
    lag: dict[str, Any] = describe_queue(signals("q", lag=Lag(confidence="estimated", drain=drain)))["lag"]
    assert (lag["drain"], lag["drains"]) == (number, drains)


def test_the_worst_finding_of_a_queue_is_its_severity() -> None:
    told = report(signals("q"), signals("p"), findings=(finding("q"), finding("q", Severity.WARNING), finding(None)))
    assert (told.severity_of("q"), told.severity_of("p")) == (Severity.CRITICAL, None)
    assert told.is_critical
    assert not report(findings=(finding("q", Severity.WARNING),)).is_critical


def test_every_field_is_documented() -> None:
    told = describe_report(report(signals("q"), findings=(finding("q"),)))
    fields = {*told, *told["queues"][0], *told["queues"][0]["lag"], *told["broker"], *describe_finding(finding("q"))}
    documented = set(re.findall(r"`([a-z_0-9]+)`", PAGE))
    assert fields <= documented
