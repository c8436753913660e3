"""What keys and reports make of the screen of `warren top`.

Not here: drawing it (test_top_view.py).
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reports import finding, report, signals
from warren.cli.top.keys import Key, decode_keys
from warren.cli.top.state import KEPT, Page, Sort, State
from warren.signals.findings import Severity

THREE = report(
    signals("alpha", depth=5, publish_rate=9.0, ack_rate=9.0),
    signals("beta", depth=1, dead=7),
    signals("gamma", depth=3),
    findings=(finding("beta"), finding("gamma", Severity.WARNING), finding(None)),
)


def press(state: State, *keys: Key, rows: int = 10) -> State:
    for key in keys:
        state = state.pressed(key, rows=rows)
    return state


def names(state: State) -> list[str]:
    return [one.queue for one in state.queues]


def test_queues_in_trouble_come_first_the_worst_before_others() -> None:
    assert names(State().reported(THREE)) == ["beta", "gamma", "alpha"]


@pytest.mark.parametrize(
    ("presses", "sort", "order"),
    [
        (1, Sort.DEPTH, ["alpha", "gamma", "beta"]),
        (2, Sort.RATE, ["alpha", "beta", "gamma"]),
        (3, Sort.DEAD, ["beta", "alpha", "gamma"]),
        (4, Sort.NAME, ["alpha", "beta", "gamma"]),
        (5, Sort.TROUBLE, ["beta", "gamma", "alpha"]),
    ],
)
def test_sorting_goes_through_all_orders(presses: int, sort: Sort, order: list[str]) -> None:
    state = press(State().reported(THREE), *[Key.SORT] * presses)
    assert (state.sort, names(state)) == (sort, order)


def test_the_selection_is_a_queue_not_a_row() -> None:
    state = press(State().reported(THREE), Key.DOWN)
    assert state.selection == "gamma"
    assert press(state, Key.SORT).selection == "gamma"


def test_a_selected_queue_that_is_gone_gives_way_to_the_first() -> None:
    state = press(State().reported(THREE), Key.LAST)
    assert state.selection == "alpha"
    assert state.reported(report(signals("delta"))).selection == "delta"


def test_the_detail_is_of_the_selected_queue_and_scrolls() -> None:
    state = press(State().reported(THREE), Key.DOWN, Key.ENTER)
    assert (state.page, state.selected) == (Page.DETAIL, "gamma")
    assert press(state, Key.PAGE_DOWN, Key.DOWN, Key.UP, rows=7).scroll == 7
    assert press(state, Key.UP).scroll == 0
    assert press(state, Key.BACK).page is Page.QUEUES


def test_any_key_leaves_the_help_and_q_quits_from_there() -> None:
    state = press(State().reported(THREE), Key.HELP)
    assert state.page is Page.HELP
    assert press(state, Key.DOWN).page is Page.QUEUES
    assert press(state, Key.QUIT).is_over


def test_while_paused_the_report_stays_and_depths_are_remembered() -> None:
    state = press(State().reported(THREE), Key.PAUSE).reported(report(signals("alpha", depth=99)))
    assert state.report is THREE
    assert state.depths["alpha"] == (5, 99)
    assert press(state, Key.PAUSE).reported(report(signals("alpha", depth=1))).queues[0].depth == 1


def test_without_an_answer_the_last_report_stays_until_there_is_a_newer_one() -> None:
    state = State().reported(THREE).failed("no broker")
    assert (state.report, state.problem) == (THREE, "no broker")
    assert state.reported(THREE).problem == ""


def test_depths_are_kept_for_as_long_as_a_sparkline_needs() -> None:
    state = State()
    for depth in range(KEPT + 50):
        state = state.reported(report(signals("alpha", depth=depth)))
    assert state.depths["alpha"][-1] == KEPT + 49
    assert len(state.depths["alpha"]) == KEPT


@given(st.lists(st.sampled_from(Key), max_size=40), st.integers(0, 5), st.integers(1, 9))
def test_no_keys_lead_out_of_the_list(keys: list[Key], queues: int, rows: int) -> None:
    state = State().reported(report(*[signals(f"q{number}") for number in range(queues)]))
    state = press(state, *keys, rows=rows)
    assert state.selection in names(state) or queues == 0
    assert state.scroll >= 0


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"q", [Key.QUIT]),
        (b"\x1b[A\x1b[B", [Key.UP, Key.DOWN]),
        (b"\x1bOA", [Key.UP]),
        (b"\x1b[5~\x1b[6~", [Key.PAGE_UP, Key.PAGE_DOWN]),
        (b"\x1b", [Key.BACK]),
        (b"\r", [Key.ENTER]),
        (b"\x1b[1;5C", []),  # Ctrl-right
        (b"\x1b[38;5;1m\x1b[Zx", []),
        (b"\x1b[Mqq", [Key.QUIT, Key.QUIT]),
        ("äß€".encode(), []),
    ],
)
def test_keys_are_found_in_what_a_terminal_sends(data: bytes, keys: list[Key]) -> None:
    assert decode_keys(data) == keys


@given(st.binary(max_size=64))
def test_whatever_a_terminal_sends_is_keys_or_nothing(data: bytes) -> None:
    assert all(isinstance(key, Key) for key in decode_keys(data))
