"""Events reach those who asked for them, and a subscriber that fails harms nobody else."""

from __future__ import annotations

import logging
import sys
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from warren.observability import events
from warren.observability.events import EventBus

blocked = events.Blocked("billing", "low on disk")
unblocked = events.Unblocked("billing")


def test_a_subscriber_gets_only_the_types_it_asked_for() -> None:
    bus, seen = EventBus(), []
    bus.subscribe(seen.append, events.Blocked)

    bus.emit(blocked)
    bus.emit(unblocked)

    assert seen == [blocked]


def test_a_subscriber_without_types_gets_everything() -> None:
    bus, seen = EventBus(), []
    bus.subscribe(seen.append)

    bus.emit(blocked)
    bus.emit(unblocked)

    assert seen == [blocked, unblocked]


def test_one_subscriber_may_ask_for_several_types() -> None:
    bus, seen = EventBus(), []
    bus.subscribe(seen.append, events.Blocked, events.Unblocked)

    bus.emit(blocked)
    bus.emit(unblocked)

    assert seen == [blocked, unblocked]


def test_subscribers_are_called_in_the_order_they_came() -> None:
    bus, order = EventBus(), []
    bus.subscribe(lambda _: order.append("first"), events.Blocked)
    bus.subscribe(lambda _: order.append("second"), events.Blocked)

    bus.emit(blocked)

    assert order == ["first", "second"]


def test_the_bus_tells_whether_anyone_listens() -> None:
    bus = EventBus()
    assert not bus.wants(events.Blocked)

    bus.subscribe(print, events.Unblocked)
    assert not bus.wants(events.Blocked)
    assert bus.wants(events.Unblocked)

    bus.subscribe(print)
    assert bus.wants(events.Blocked)


def test_a_subscriber_that_raises_is_logged_and_the_others_still_run(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Any) -> None:
        raise ValueError("broken metrics")

    bus, seen = EventBus(), []
    bus.subscribe(fail, events.Blocked)
    bus.subscribe(seen.append, events.Blocked)
    bus.subscribe(seen.append)

    with caplog.at_level(logging.ERROR, "warren.events"):
        bus.emit(blocked)

    assert seen == [blocked, blocked]
    assert [record.getMessage() for record in caplog.records] == ["a subscriber failed on Blocked"]
    assert caplog.records[0].exc_info is not None


def test_nobody_listening_is_fine() -> None:
    EventBus().emit(blocked)


def test_events_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        blocked.reason = "other"


def test_every_event_is_exported_and_documented() -> None:
    defined = {each for each in vars(events).values() if isinstance(each, type) and issubclass(each, events.Event)}

    assert {each.__name__ for each in defined} <= set(events.__all__)
    assert all(each.__doc__ for each in defined)


def test_a_subscriber_that_exits_ends_no_thread_and_hides_nothing_from_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus, seen = EventBus(), []
    bus.subscribe(lambda _: sys.exit(1), events.Blocked)
    bus.subscribe(seen.append, events.Blocked)

    bus.emit(blocked)

    assert seen == [blocked]
    assert "SystemExit" in caplog.text


def test_ctrl_c_during_a_subscriber_is_not_held_up() -> None:
    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    bus = EventBus()
    bus.subscribe(interrupt, events.Blocked)

    with pytest.raises(KeyboardInterrupt):
        bus.emit(blocked)
