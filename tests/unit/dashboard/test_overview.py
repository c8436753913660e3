"""The overview as HTML: every state of it, and that nothing a broker tells is taken for markup.

Not here: how it looks, and that it is live (tests/acceptance).
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.reports import finding, report, signals
from warren.dashboard.history import History
from warren.dashboard.pages import overview
from warren.dashboard.rows import Choice
from warren.dashboard.totals import total_of
from warren.dashboard.watch import Snapshot
from warren.management.nodes import Node
from warren.signals.findings import Finding, Severity
from warren.signals.report import Report
from warren.signals.samples import BrokerSample

FRAME: Any = SimpleNamespace(
    url=lambda *steps, **query: "/" + "/".join(steps) + "".join(f"?{key}={query[key]}" for key in query)
)
NODE = Node(name="rabbit@one", is_running=True, uptime=7200.0, memory_used=154_000_000, memory_limit=2_000_000_000)


def shown(told: Report | None, choice: Choice = Choice(), **known: Any) -> str:  # noqa: B008 - it cannot be changed
    """Return all of the page as one line."""
    history = History(3600)
    found: dict[str | None, tuple[Finding, ...]] = {}
    if told is not None:
        history.add(told)
        for one in told.findings:
            found[one.queue] = (*found.get(one.queue, ()), one)
        known["total"] = total_of(told.queues)
    snapshot = Snapshot(**{"report": told, "findings": found, "is_full": True, **known})
    board: Any = SimpleNamespace(watch=SimpleNamespace(snapshot=snapshot, history=history))
    html = overview._summary(board, FRAME) + overview._queues(board, FRAME, choice)
    return re.sub(r"\s+", " ", html)


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.replace("<wbr>", "")))


def test_before_the_first_answer_it_waits() -> None:
    assert "Waiting for the broker" in shown(None)


def test_a_broker_that_never_answered_is_said_to_be_away_and_how_to_find_out_why() -> None:
    told = words(shown(None, problem="no broker at amqp://localhost"))
    assert "has not answered yet" in told
    assert "warren doctor" in told


def test_a_broker_that_refuses_is_said_to_and_what_it_takes() -> None:
    told = words(shown(None, problem="ACCESS_REFUSED", is_refused=True))
    assert "does not let this dashboard see" in told
    assert "monitoring" in told


def test_a_queue_is_a_row_with_its_signals_what_is_wrong_and_what_to_do() -> None:
    queue = signals("billing.invoices", depth=1234, unacked=5, utilisation=0.5, redelivery_rate=0.12, dead=7)
    told = words(shown(report(queue, findings=(finding("billing.invoices"), finding("billing.invoices")))))
    for text in ("Critical", "billing.invoices", "1,234", "5 50 %", "12 %", " 7 ", "The same messages come back."):
        assert text in told
    assert "Look at them." in told
    assert "and 1 more" in told


def test_the_next_step_of_a_row_is_a_click() -> None:
    grows = finding("q", command="warren inspect q.dead --group", fingerprint="Boom@f")
    assert '<a href="/dead-letters/q.dead?fingerprint=Boom@f">See what' in shown(
        report(signals("q"), findings=(grows,))
    )


def test_what_is_wrong_with_the_broker_stands_above_the_queues() -> None:
    told = shown(report(signals("q"), findings=(finding(None, summary="the broker blocks all publishers"),)))
    assert told.index("broker blocks all publishers") < told.index("Filter by name")


@pytest.mark.parametrize(
    ("broker", "texts"),
    [
        (BrokerSample(version="4.0.5", nodes=(NODE,)), ["No alarms", "4.0.5", "154 MB of 2.0 GB", "Running"]),
        (BrokerSample(alarms=("memory", "disk"), nodes=(NODE,)), ["Memory and disk alarms"]),
        (BrokerSample(nodes=(NODE, Node(name="b", is_running=False))), ["1 of 2 nodes down", "Down"]),
        (BrokerSample(nodes=(Node(name="a", is_running=True, partitions=("b",)),)), ["lost sight", "Without b"]),
        (BrokerSample(), ["Alarms not known"]),
    ],
)
def test_the_broker_is_told_of(broker: BrokerSample, texts: list[str]) -> None:
    told = words(shown(report(signals("q"), broker=broker)))
    assert [text for text in texts if text not in told] == []


def test_what_nobody_could_see_is_said() -> None:
    assert "too young for the statistics" in shown(report(signals("q"), unknown=("q: too young for the statistics",)))


def test_no_queue_at_all_and_none_that_is_wanted_are_told_apart() -> None:
    assert "There are no queues here yet" in shown(report())
    assert "No queue is like that" in shown(report(signals("q")), Choice(text="x"))
    assert "Nothing is wrong" in shown(report(signals("q")), Choice(only_findings=True))


def test_all_is_well_only_where_all_was_seen_for_the_whole_window() -> None:
    fine = shown(report(signals("q", dead=0)))
    assert "0 nothing is wrong, as far as the last 20 s show" in words(fine)
    assert "tile is-good" in fine
    assert "Fine" in words(fine)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (report(signals("q"), span=0.0), {"is_full": False}),
        (report(signals("q"), unknown=("there is no queue 'gone' on the broker",)), {}),
        (report(signals("q")), {"problem": "no broker at amqp://localhost"}),
        (report(signals("q", dead=53, dead_growth=0)), {}),
    ],
)
def test_where_that_is_not_sure_nothing_is_said_to_be_well(told: Report, known: dict[str, Any]) -> None:
    for choice in (Choice(), Choice(only_findings=True)):
        page = words(shown(told, choice, **known))
        assert "none found, as far as the last" in page
        assert not re.search("nothing is wrong|Nothing is wrong|Fine", page)
        assert "is-good" not in shown(told, choice, **known)


def test_dead_letters_that_wait_are_said_to_and_stand_out_although_nothing_moves() -> None:
    page = shown(report(signals("fine", dead=0), signals("q", dead=53, dead_growth=0)))
    told = words(page)
    assert "53 dead letters waiting" in told
    assert "53 waiting; none came in 20 s" in told
    assert '<tr data-key="q" class="is-warning">' in page
    assert page.index('data-key="q"') < page.index('data-key="fine"')
    assert "1 dead letter waiting" in words(shown(report(signals("q", dead=1))))


def test_what_is_not_known_is_unfolded_with_what_would_tell_of_it() -> None:
    away = shown(report(signals("q"), unknown=("rates: AMQP does not tell", "why: the management API is away")))
    assert "<details open> <summary>What is not known (2)" in away
    assert "?management=" in away
    assert "?management=" not in shown(report(signals("q"), unknown=("there is no queue 'gone'",)))


def test_names_and_words_that_look_like_markup_stay_text() -> None:
    evil = "<script>alert(1)</script>"
    broker = BrokerSample(version=evil, cluster_name=evil, nodes=(Node(name=evil),))
    found = tuple(
        finding(name, Severity.CRITICAL, summary=evil, next_step=evil, evidence=(evil,)) for name in (None, evil)
    )
    told = shown(report(signals(evil), findings=found, broker=broker, unknown=(evil,)), Choice(text=evil[:4]))
    assert "<script" not in told
    assert "&lt;script&gt;" in told
