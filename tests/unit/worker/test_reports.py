"""What a worker process tells its supervisor survives the line it is told in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from warren.worker.health import ConsumerHealth, Health
from warren.worker.reports import Began, Ended, Failed, Report, State, decode_report, encode_report

HEALTH = Health(
    pid=7,
    live=True,
    connected=True,
    stopping=False,
    consumers=(ConsumerHealth("billing", "billing.invoices", "subscribed", "", 3),),
)


@pytest.mark.parametrize(
    "report", [Began(30.0), Began(0.0), State(HEALTH), Failed("größer\nals eine Zeile"), Ended(75)]
)
def test_a_report_is_one_line_and_reads_back_as_it_was(report: Report) -> None:
    line = encode_report(report)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_report(line) == report


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"nonsense", b'{"began": "soon"}', b'{"ended": null}'])
def test_what_is_no_report_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode_report(line)


def test_health_is_ready_only_when_connected_subscribed_live_and_not_stopping() -> None:
    waiting = ConsumerHealth("billing", "billing.invoices", "waiting", "channel closed", 0)
    assert HEALTH.ready
    assert not replace(HEALTH, live=False).ready
    assert not replace(HEALTH, connected=False).ready
    assert not replace(HEALTH, stopping=True).ready
    assert not replace(HEALTH, consumers=()).ready
    assert not replace(HEALTH, consumers=(*HEALTH.consumers, waiting)).ready
