"""The screen of `warren top`, drawn for states and sizes.

Not here: a real terminal (tests/acceptance/test_cli_top.py).
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from tests.support.reports import finding, report, signals
from warren.cli.top.keys import Key
from warren.cli.top.state import Page, State
from warren.cli.top.view import Screen, rows_for
from warren.signals.report import Report
from warren.signals.results import Lag
from warren.signals.samples import BrokerSample, Failure

LONG = "a.queue.with.a.name.that.is.longer.than.any.column.of.a.terminal.would.ever.be"
BUSY = report(
    signals(
        "billing.invoices",
        depth=12_345,
        unacked=50,
        consumers=2,
        publish_rate=12.3,
        ack_rate=0.0,
        redelivery_rate=0.5,
        dead=3,
        dead_growth=2,
        lag=Lag(confidence="measured", p50=0.1, p95=12.0, p99=30.0),
        failures=(Failure("ValueError@shop.py:handle", 3, "exhausted"),),
    ),
    signals(LONG),
    findings=(finding("billing.invoices", fingerprint="ValueError@shop.py:handle"),),
)


def drawn(state: State, columns: int = 80, rows: int = 24, *, window: float = 20.0) -> list[str]:
    console = Console(width=columns, height=rows, force_terminal=True, color_system=None, markup=False)
    with console.capture() as capture:
        console.print(Screen(state, window=window), end="")
    return [line.rstrip() for line in capture.get().split("\n")]


def of(whole: Report) -> State:
    return State().reported(whole)


@given(
    st.integers(20, 200),
    st.integers(4, 60),
    st.sampled_from(Page),
    st.integers(0, 40),
    st.sampled_from(["", "no broker at amqp://nowhere"]),
)
def test_every_page_fits_every_screen(columns: int, rows: int, page: Page, queues: int, problem: str) -> None:
    whole = report(*BUSY.queues, *[signals(f"q{number}") for number in range(queues)], findings=BUSY.findings)
    state = replace(of(whole), page=page, selected="billing.invoices", problem=problem)
    lines = drawn(state, columns, rows)
    assert len(lines) == rows
    assert max(map(cell_len, lines)) <= columns


def test_eighty_columns_show_every_figure() -> None:
    lines = drawn(of(BUSY))
    assert lines[2].split() == ["queue", "depth", "ready", "unack", "cons", "in/s", "ack/s", "lag", "redel", "dead"]
    assert lines[3].split() == ["!!", "billing.invoices", "█", "12k", "50", "2", "12", "0", "12s", "50%", "3", "+2"]
    assert lines[4].split()[0].endswith("…")
    assert lines[5] == "critical poison: the same messages come back"


def test_the_page_of_the_selected_queue_is_shown() -> None:
    whole = report(*[signals(f"queue-{number:03}") for number in range(100)])
    state = of(whole).pressed(Key.LAST, rows=rows_for(24))
    shown = [line.split()[0] for line in drawn(state) if line.strip().startswith("queue-")]
    assert "queue-099" in shown
    assert "queue-000" not in shown


def test_the_detail_says_everything_and_folds_the_command() -> None:
    state = of(BUSY).pressed(Key.ENTER, rows=10)
    text = "\n".join(drawn(state, rows=40))
    for part in (
        "billing.invoices  (quorum)",
        "12k: 12k ready, 50 unacked",
        "p50 100ms, p95 12s, p99 30s",
        "3 × ValueError@shop.py:handle exhausted",
        "CRITICAL POISON  billing.invoices",
        "fingerprint: ValueError@shop.py:handle",
        "next: look at them",
        "$ warren inspect billing.invoices",
    ):
        assert part in text


def test_scrolling_ends_with_the_last_line() -> None:
    state = replace(of(BUSY).pressed(Key.ENTER, rows=10), scroll=10_000)
    assert "$ warren inspect billing.invoices" in "\n".join(drawn(state, rows=10))


def test_a_queue_that_is_gone_is_said_to_be() -> None:
    state = replace(of(BUSY), page=Page.DETAIL, selected="gone")
    assert drawn(state)[1] == "gone is not there any more"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State(), "connecting …"),
        (of(report()), "there are no queues in this virtual host"),
        (of(report(signals("q"), span=5.0)), "over 5 of 20 s"),
        (of(report(signals("q"), unknown=("prefetch: nobody tells",))), "not known: prefetch: nobody tells"),
        (of(report(signals("q"))), "q: nothing is wrong, as far as this window shows"),
        (of(BUSY).failed("no broker at amqp://nowhere"), "no broker at amqp://nowhere"),
        (of(report(signals("q"), findings=(finding(None, summary="short of memory"),))), "poison: short of memory"),
    ],
)
def test_what_else_there_is_to_say_has_its_line(state: State, text: str) -> None:
    assert text in "\n".join(drawn(state))


def test_no_name_commands_the_terminal() -> None:
    evil = "q\x1b]0;owned\x07\x9b2J"
    whole = report(signals(evil), findings=(finding(evil, fingerprint=evil, summary=evil),), unknown=(evil,))
    for state in (of(whole), of(whole).pressed(Key.ENTER, rows=10)):
        text = "\n".join(drawn(state))
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\x9b" not in text


def test_an_alarm_without_a_finding_yet_changes_nothing_else() -> None:
    assert len(drawn(of(report(signals("q"), broker=BrokerSample(alarms=("memory",)))))) == 24
