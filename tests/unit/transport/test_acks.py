"""The ack ledger against a broker that counts: every settled tag is acknowledged once, no other ever is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from warren.transport.acks import AckLedger


class Broker:
    """One channel as a broker sees it: tags are open from delivery to ack."""

    def __init__(self) -> None:
        self.last = 0
        self.open: set[int] = set()
        self.acked: list[int] = []  # in the order of acknowledgement

    def deliver(self, count: int) -> int:
        self.open |= set(range(self.last + 1, self.last + count + 1))
        self.last += count
        return self.last

    def ack(self, tag: int, multiple: bool) -> None:
        if tag not in self.open:
            raise AssertionError(f"406 PRECONDITION_FAILED - unknown delivery tag {tag}")
        gone = sorted(each for each in self.open if each <= tag) if multiple else [tag]
        self.open -= set(gone)
        self.acked += gone


class AckLedgerOnABroker(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.broker = Broker()
        self.ledger = AckLedger()
        self.running: set[int] = set()  # delivered, its handler not finished
        self.settled: set[int] = set()

    @rule(count=st.integers(1, 6))
    def deliver(self, count: int) -> None:
        before = self.broker.last
        self.ledger.delivered(self.broker.deliver(count))
        self.running |= set(range(before + 1, self.broker.last + 1))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        tag = data.draw(st.sampled_from(sorted(self.running)))
        self.running.discard(tag)
        self.settled.add(tag)
        self.ledger.settle(tag)

    @rule()
    def flush(self) -> None:
        for tag, multiple in self.ledger.flush():
            self.broker.ack(tag, multiple)
        assert set(self.broker.acked) == self.settled
        assert len(self.broker.acked) == len(self.settled)
        assert self.ledger.flush() == []

    @precondition(lambda self: self.broker.last)
    @rule(data=st.data())
    def settle_again_or_too_early(self, data: st.DataObject) -> None:
        tag = data.draw(st.integers(-1, self.broker.last + 2).filter(lambda tag: tag not in self.running))
        with pytest.raises(ValueError, match="settled before, or never delivered"):
            self.ledger.settle(tag)

    @invariant()
    def nothing_unsettled_is_acknowledged(self) -> None:
        assert not self.running & set(self.broker.acked)

    @invariant()
    def unacked_counts_what_the_broker_has_open(self) -> None:
        assert self.ledger.unacked == len(self.broker.open)


TestAckLedgerOnABroker = AckLedgerOnABroker.TestCase
TestAckLedgerOnABroker.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)


def delivered(count: int) -> AckLedger:
    ledger = AckLedger()
    ledger.delivered(count)
    return ledger


@given(st.permutations(list(range(1, 9))), st.integers(1, 8))
def test_multiple_covers_gap_free_runs_only(order: list[int], count: int) -> None:
    ledger = delivered(8)
    for tag in order[:count]:
        ledger.settle(tag)
    run = next(length for length in range(9) if length + 1 not in order[:count])  # settled from the first tag on

    acks = ledger.flush()

    assert [tag for tag, multiple in acks if multiple] == ([run] if run > 1 else [])
    assert sorted(tag for tag, multiple in acks if not multiple) == sorted(
        tag for tag in order[:count] if run < 2 or tag > run
    )


def test_a_batch_settled_in_any_order_leaves_as_one_ack() -> None:
    ledger = delivered(4)
    for tag in (3, 1, 4, 2):
        ledger.settle(tag)

    assert ledger.flush() == [(4, True)]


def test_a_slow_delivery_holds_back_no_other() -> None:
    ledger = delivered(5)
    for tag in (2, 3, 5):
        ledger.settle(tag)

    assert ledger.flush() == [(2, False), (3, False), (5, False)]
    assert ledger.unacked == 2


def test_a_run_closed_over_tags_acknowledged_before_names_the_last_open_one() -> None:
    ledger = delivered(4)
    for tag in (3, 4):
        ledger.settle(tag)
    assert ledger.flush() == [(3, False), (4, False)]
    for tag in (1, 2):
        ledger.settle(tag)

    assert ledger.flush() == [(2, True)]


def test_a_delivery_that_never_ends_costs_no_memory_for_those_that_overtake_it() -> None:
    ledger = delivered(1)
    for tag in range(2, 2_000):
        ledger.delivered(tag)
        ledger.settle(tag)
        ledger.flush()

    held = sum(len(getattr(ledger, name)) for name in ledger.__slots__ if hasattr(getattr(ledger, name), "__len__"))
    assert held == ledger.unacked == 1
