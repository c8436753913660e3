"""Which rows the overview shows, and what somebody's clicks and addresses make of it.

Not here: how they look (test_overview.py).
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import finding, report, signals
from warren.dashboard.rows import PAGE, Choice, Order, choose
from warren.dashboard.watch import Snapshot
from warren.signals.findings import Severity
from warren.signals.results import Lag, QueueSignals


def snapshot(*queues: QueueSignals, **severities: Severity) -> Snapshot:
    found = {name: (finding(name, severity),) for name, severity in severities.items()}
    return Snapshot(number=1, report=report(*queues), findings=found)


def names(told: Snapshot, choice: Choice) -> list[str]:
    return [row.signals.queue for row in choose(told, choice).shown]


def test_the_worst_come_first_and_the_others_by_name() -> None:
    told = snapshot(*map(signals, "abcd"), c=Severity.CRITICAL, d=Severity.WARNING)
    assert names(told, Choice()) == ["c", "d", "a", "b"]


def test_dead_letters_that_wait_come_before_what_is_fine_but_after_what_goes_wrong_now() -> None:
    queues = [signals("a"), signals("b", dead=0), signals("c", dead=5), signals("d", dead=1), signals("e")]
    told = snapshot(*queues, d=Severity.WARNING, e=Severity.INFO)
    assert names(told, Choice()) == ["d", "c", "e", "a", "b"]
    assert [row.tone for row in choose(told, Choice()).shown] == ["warning", "warning", "", "", ""]


def test_before_the_first_sample_there_are_no_rows() -> None:
    assert choose(Snapshot(), Choice()).count == 0


def test_names_are_found_by_a_part_of_them_whatever_their_case() -> None:
    told = snapshot(signals("billing.Invoices"), signals("shipping.labels"))
    assert names(told, Choice(text="INVO")) == ["billing.Invoices"]


def test_only_those_with_findings_if_that_is_wanted() -> None:
    told = snapshot(*map(signals, "ab"), b=Severity.INFO)
    assert names(told, Choice(only_findings=True)) == ["b"]


@pytest.mark.parametrize(
    ("order", "figures"),
    [
        (Order.DEPTH, [{"depth": 1}, {"depth": 3}, {"depth": 2}]),
        (Order.DEAD, [{"dead": 1}, {"dead": 3}, {"dead": 2}]),
        (Order.UNACKED, [{"unacked": 0}, {"unacked": 3}, {"unacked": 2}]),
        (Order.REDELIVERY, [{"redelivery_rate": 0.0}, {"redelivery_rate": 0.3}, {"redelivery_rate": 0.2}]),
        (Order.INCOMING, [{"publish_rate": 1.0}, {"publish_rate": 3.0}, {"publish_rate": 2.0}]),
    ],
)
def test_figures_are_sorted_either_way(order: Order, figures: list[dict[str, Any]]) -> None:
    told = snapshot(*(signals(name, **one) for name, one in zip("abc", figures, strict=True)))
    assert names(told, Choice(order=order)) == ["b", "c", "a"]
    assert names(told, Choice(order=order, is_descending=False)) == ["a", "c", "b"]


def test_lag_is_sorted_by_what_is_measured_or_else_expected_and_what_is_not_known_comes_last() -> None:
    lags = [
        Lag(confidence="measured", p95=5.0, wait=0.0),
        Lag(confidence="unknown"),
        Lag(confidence="estimated", wait=math.inf),
        Lag(confidence="estimated", wait=1.0),
    ]
    told = snapshot(*(signals(name, lag=lag) for name, lag in zip("abcd", lags, strict=True)))
    assert names(told, Choice(order=Order.LAG)) == ["c", "a", "d", "b"]
    assert names(told, Choice(order=Order.LAG, is_descending=False)) == ["d", "a", "c", "b"]
    assert [row.is_estimated for row in choose(told, Choice()).shown] == [False, False, False, True]


def test_pages_are_cut_and_one_that_is_not_there_any_more_is_the_last() -> None:
    told = snapshot(*(signals(f"q{number:03}") for number in range(PAGE + 1)))
    assert len(choose(told, Choice()).shown) == PAGE
    assert names(told, Choice(page=1)) == ["q050"]
    assert (choose(told, Choice(page=9)).page, choose(told, Choice(page=9)).count) == (1, PAGE + 1)
    assert choose(snapshot(), Choice(page=9)).page == 0


def test_acts_choose_and_begin_with_the_first_page() -> None:
    choice = Choice(page=3).after({"act": "filter", "value": " bill "})
    assert choice == Choice(text="bill")
    assert Choice(page=3).after({"act": "only-findings", "checked": True}) == Choice(only_findings=True)
    assert choice.after({"act": "page", "page": "2"}) == Choice(text="bill", page=2)
    assert choice.after({"act": "all"}) == Choice()


def test_a_column_sorts_from_the_highest_a_name_from_the_first_and_the_same_again_turns_round() -> None:
    depth = Choice().after({"act": "sort", "by": "depth"})
    assert depth == Choice(order=Order.DEPTH)
    assert depth.after({"act": "sort", "by": "depth"}) == Choice(order=Order.DEPTH, is_descending=False)
    assert depth.after({"act": "sort", "value": "name"}) == Choice(order=Order.NAME, is_descending=False)


texts = st.text(max_size=300) | st.none() | st.integers() | st.lists(st.text(max_size=3))
acts = st.dictionaries(st.sampled_from(["act", "by", "value", "checked", "page"]), texts)


@given(st.lists(acts | acts.map(lambda act: {**act, "act": "page"}) | acts.map(lambda act: {**act, "act": "sort"})))
def test_whatever_a_browser_sends_leaves_a_choice_that_can_be_shown(told: list[dict[str, Any]]) -> None:
    choice = Choice()
    for act in told:
        choice = choice.after(act)
        choose(snapshot(signals("q")), choice)
        assert len(choice.text) <= 255


choices = st.builds(
    Choice,
    text=st.text(max_size=255).map(str.strip),
    only_findings=st.booleans(),
    order=st.sampled_from(Order),
    is_descending=st.booleans(),
    page=st.integers(0, 999_999),
)


@given(choices)
def test_an_address_leads_back_to_what_was_shown(choice: Choice) -> None:
    assert Choice.of(choice.address) == choice


@given(st.dictionaries(st.sampled_from(["filter", "only", "sort", "first", "page"]), st.text(max_size=300)))
def test_whatever_an_address_says_it_can_be_shown(asked: dict[str, str]) -> None:
    choose(snapshot(signals("q")), Choice.of(asked))
