"""The heap of deadlines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from warren.broker.model.message import NEVER
from warren.broker.timers import Timers
from warren.clock import ManualClock


def test_what_is_due_fires_in_order_of_time_and_then_of_setting() -> None:
    timers = Timers(ManualClock(0.0))
    fired: list[str] = []
    for when, name in ((3.0, "third"), (1.0, "first"), (1.0, "second"), (9.0, "late")):
        timers.at(when, lambda name=name: fired.append(name))
    assert timers.fire(3.0) == 3
    assert fired == ["first", "second", "third"]
    assert timers.next_deadline() == 9.0


def test_after_counts_from_now() -> None:
    clock = ManualClock(100.0)
    timers = Timers(clock)
    timers.after(5.0, lambda: None)
    assert timers.next_deadline() == 105.0
    clock.advance(5.0)
    assert timers.fire() == 1


def test_a_cancelled_timer_never_fires_and_is_no_deadline() -> None:
    timers = Timers(ManualClock(0.0))
    timer = timers.at(1.0, lambda: None)
    timer.cancel()
    timer.cancel()
    assert timer.is_over
    assert timers.next_deadline() == NEVER
    assert timers.fire(2.0) == 0
    assert len(timers) == 0


def test_a_timer_that_fired_may_be_cancelled_still() -> None:
    timers = Timers(ManualClock(0.0))
    timer = timers.at(1.0, lambda: None)
    timers.fire(1.0)
    timer.cancel()
    assert len(timers) == 0


def test_what_a_callback_adds_waits_for_the_next_time() -> None:
    timers = Timers(ManualClock(0.0))
    fired: list[str] = []

    def again() -> None:
        fired.append("again")
        timers.at(0.0, again)

    timers.at(1.0, again)
    assert timers.fire(5.0) == 1
    assert timers.fire(5.0) == 1
    assert fired == ["again", "again"]


def test_a_callback_may_cancel_another_that_is_due() -> None:
    timers = Timers(ManualClock(0.0))
    fired: list[str] = []
    timers.at(1.0, lambda: second.cancel())
    second = timers.at(2.0, lambda: fired.append("second"))
    timers.fire(5.0)
    assert fired == []


def test_cancelled_timers_do_not_pile_up() -> None:
    timers = Timers(ManualClock(0.0))
    timers.at(1.0, lambda: None)
    for _ in range(10_000):
        timers.at(1_000.0, lambda: None).cancel()
    assert len(timers) == 1
    assert len(timers._heap) < 200


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=300))
def test_exactly_what_is_due_and_not_cancelled_fires(plan: list[tuple[int, bool]]) -> None:
    timers = Timers(ManualClock(0.0))
    fired: list[int] = []
    for number, (when, is_cancelled) in enumerate(plan):
        timer = timers.at(float(when), lambda number=number: fired.append(number))
        if is_cancelled:
            timer.cancel()
    timers.fire(25.0)
    expected = [(when, number) for number, (when, is_cancelled) in enumerate(plan) if when <= 25 and not is_cancelled]
    assert fired == [number for _, number in sorted(expected)]
    assert len(timers) == sum(when > 25 and not is_cancelled for when, is_cancelled in plan)
