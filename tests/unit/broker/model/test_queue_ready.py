"""The orders in which entries wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from warren.broker.model.message import Address, Entry, Message
from warren.broker.model.ready import Fifo, Priorities, QuorumOrder, Ready

ADDRESS = Address("", "q")
ACTIONS = st.lists(st.one_of(st.integers(0, 12), st.just("take"), st.just("give back")), max_size=120)


class Naive:
    """Entries in a list, the next one found by looking at all."""

    def __init__(self, rank: Callable[[Entry], Any]) -> None:
        self.entries: list[Entry] = []
        self.rank = rank

    def pop(self) -> Entry:
        entry = min(self.entries, key=self.rank)
        self.entries.remove(entry)
        return entry


def priority_of(message: Message) -> int:
    return message.size


def run(ready: Ready, naive: Naive, actions: list[Any]) -> None:
    """Append with a priority, take the next, or give back what was taken longest ago but one."""
    taken: list[Entry] = []
    for order, action in enumerate(actions):
        if isinstance(action, int):
            entry = Entry(Message(ADDRESS, b"", bytes(action), persistent=False), None, order)
            ready.append(entry)
            naive.entries.append(entry)
        elif action == "take" and naive.entries:
            expected = naive.pop()
            assert ready.peek() is expected
            assert ready.pop() is expected
            taken.append(expected)
        elif action == "give back" and taken:
            entry = taken.pop(len(taken) // 2)
            entry.redelivered = True
            ready.restore(entry)
            naive.entries.append(entry)
        assert len(ready) == len(naive.entries)
    expected = sorted(naive.entries, key=naive.rank)
    assert list(ready) == expected
    assert [ready.pop() for _ in expected] == expected
    assert len(ready) == 0


@given(ACTIONS)
def test_fifo_is_the_order_of_arrival_whatever_is_given_back(actions: list[Any]) -> None:
    run(Fifo(), Naive(lambda entry: entry.order), actions)


@given(ACTIONS)
def test_priorities_are_the_order_of_priority_and_then_of_arrival(actions: list[Any]) -> None:
    run(
        Priorities(8, priority_of),
        Naive(lambda entry: (-min(entry.message.size, 8), entry.order)),
        actions,
    )


@given(ACTIONS)
def test_a_cleared_order_is_empty_and_of_use(actions: list[Any]) -> None:
    for ready in (Fifo(), Priorities(8, priority_of), QuorumOrder(priority_of)):
        for order, action in enumerate(actions):
            if isinstance(action, int):
                ready.append(Entry(Message(ADDRESS, b"", bytes(action), persistent=False), None, order))
        ready.clear()
        assert (len(ready), list(ready)) == (0, [])
        entry = Entry(Message(ADDRESS, b"", b"", persistent=False), None, 1)
        ready.append(entry)
        assert ready.pop() is entry


# -- quorum queues ------------------------------------------------------------------------


def filled(*priorities: int) -> QuorumOrder:
    ready = QuorumOrder(priority_of)
    for order, priority in enumerate(priorities):
        ready.append(Entry(Message(ADDRESS, b"", bytes(priority), persistent=False), None, order))
    return ready


def orders(ready: QuorumOrder) -> list[int]:
    listed = [entry.order for entry in ready]
    assert [ready.pop().order for _ in range(len(ready))] == listed
    return listed


def test_two_of_high_priority_are_taken_and_then_the_oldest() -> None:
    """RabbitMQ 4.0.5 delivers messages with these priorities in this order."""
    priorities = (0, 0, 1, 4, 5, 9, 10, 255, 3, 5, 6, 7, 0, 1, 9, 9, 9)
    assert orders(filled(*priorities)) == [4, 5, 0, 6, 7, 1, 9, 10, 2, 11, 14, 3, 15, 16, 8, 12, 13]


def test_the_oldest_may_be_of_high_priority_too() -> None:
    assert orders(filled(9, 9, 9, 9, 9, 0, 0)) == [0, 1, 2, 3, 4, 5, 6]


def test_the_turn_goes_on_with_whatever_is_taken() -> None:
    """After one normal message alone was taken, RabbitMQ 4.0.5 goes on like this."""
    ready = filled(0)
    ready.pop()
    for order, priority in enumerate((0, 0, 0, 0, 9, 9, 9, 9, 9, 9), start=1):
        ready.append(Entry(Message(ADDRESS, b"", bytes(priority), persistent=False), None, order))
    assert [entry.message.size for entry in ready] == [9, 0, 9, 9, 0, 9, 9, 0, 9, 0]


def test_what_is_requeued_goes_first_in_the_order_of_its_return() -> None:
    ready = filled(0, 9, 0, 9)
    taken = [ready.pop() for _ in range(3)]
    for entry in reversed(taken):
        ready.restore(entry)
    assert [ready.pop() for _ in range(3)] == taken[::-1]
    assert len(ready) == 1
