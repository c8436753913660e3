"""The confirm ledger against a model: each publish is settled once, in the broker's order, as what it was."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from warren.transport.confirms import CONFIRMED, Confirmed, Ledger, Nacked, Outcome, Returned


@dataclass(eq=False)
class Publish:
    """One publish, and what became of it as far as the broker knows."""

    number: int
    message_id: str
    returned: str | None = None
    is_forgotten: bool = False
    outcomes: list[Outcome] = field(default_factory=list)

    def answer(self) -> Outcome:
        return CONFIRMED if self.returned is None else Returned(self.returned)


class LedgerOfAChannel(RuleBasedStateMachine):
    """The model keeps the broker's side: every publish it has not answered yet, under its tag."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger: Ledger[Publish] = Ledger()
        self.unanswered: dict[int, Publish] = {}
        self.next_tag = 1
        self.number = 0

    @rule(message_id=st.sampled_from("abc"))  # few, so that one message is often published twice
    def publish(self, message_id: str) -> None:
        self.number += 1
        publish = Publish(self.number, message_id)

        assert self.ledger.open(publish, message_id) == self.next_tag
        self.unanswered[self.next_tag] = publish
        self.next_tag += 1

    @precondition(lambda self: self.unanswered)
    @rule(data=st.data(), reason=st.sampled_from(["312 NO_ROUTE", "313 NO_CONSUMERS"]))
    def broker_returns(self, data: st.DataObject, reason: str) -> None:
        """The broker returns in the order of publishing: the oldest of a message that it has not returned."""
        kept = [publish for publish in self.unanswered.values() if publish.returned is None]
        if not kept:
            return
        message_id = data.draw(st.sampled_from(sorted({publish.message_id for publish in kept})))
        oldest = next(publish for publish in kept if publish.message_id == message_id)
        oldest.returned = reason
        self.ledger.returned(message_id, reason)

    @precondition(lambda self: self.unanswered)
    @rule(data=st.data(), multiple=st.booleans(), positive=st.booleans())
    def broker_answers(self, data: st.DataObject, multiple: bool, positive: bool) -> None:
        tag = data.draw(st.sampled_from([0, *self.unanswered] if multiple else list(self.unanswered)))
        answered = [each for each in self.unanswered if each <= tag or tag == 0] if multiple else [tag]
        publishes = [self.unanswered.pop(each) for each in answered]

        if positive:
            settled = self.ledger.ack(tag, multiple=multiple)
            expected = [(publish, publish.answer()) for publish in publishes if not publish.is_forgotten]
        else:
            settled = self.ledger.nack(tag, multiple=multiple, reason="full")
            expected = [(publish, Nacked("full")) for publish in publishes if not publish.is_forgotten]

        assert settled == expected
        for publish, outcome in settled:
            publish.outcomes.append(outcome)

    @rule(tag=st.integers(1, 30), multiple=st.booleans())
    def broker_repeats_itself(self, tag: int, multiple: bool) -> None:
        """An answer for what is answered already settles nothing."""
        if any(each <= tag for each in self.unanswered) if multiple else tag in self.unanswered:
            return
        assert self.ledger.ack(tag, multiple=multiple) == []
        assert self.ledger.nack(tag, multiple=multiple, reason="late") == []

    @precondition(lambda self: self.unanswered)
    @rule(data=st.data())
    def deadlines_pass(self, data: st.DataObject) -> None:
        late = data.draw(st.lists(st.sampled_from(list(self.unanswered.values())), unique_by=lambda each: each.number))
        late = [publish for publish in late if not publish.is_forgotten]
        self.ledger.forget(late)
        for publish in late:
            publish.is_forgotten = True

    @rule()
    def channel_is_replaced(self) -> None:
        still_open = [publish for publish in self.unanswered.values() if not publish.is_forgotten]

        assert self.ledger.restart() == still_open
        self.unanswered.clear()
        self.next_tag = 1

    @invariant()
    def open_entries_are_those_the_broker_owes_an_answer(self) -> None:
        open_entries = [publish for publish in self.unanswered.values() if not publish.is_forgotten]
        assert self.ledger.entries() == open_entries
        assert len(self.ledger) == len(open_entries)

    @invariant()
    def what_is_open_has_not_been_settled(self) -> None:
        assert not any(publish.outcomes for publish in self.unanswered.values())

    def teardown(self) -> None:
        """Nothing is kept of what is answered, or a worker's memory would grow with its messages."""
        self.ledger.ack(0, multiple=True)
        held = [getattr(self.ledger, name) for name in self.ledger.__slots__]
        assert not any(len(each) for each in held if not isinstance(each, int))


TestLedgerOfAChannel = LedgerOfAChannel.TestCase
TestLedgerOfAChannel.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)


def opened(*message_ids: str) -> Ledger[str]:
    """A ledger with one entry a message id: "1a" for the first, "2b" for the second…"""
    ledger: Ledger[str] = Ledger()
    for number, message_id in enumerate(message_ids, start=1):
        ledger.open(f"{number}{message_id}", message_id)
    return ledger


def test_a_returned_publish_is_settled_by_its_ack_and_not_before() -> None:
    ledger = opened("a", "b")

    ledger.returned("a", "312 NO_ROUTE")
    assert len(ledger) == 2
    assert ledger.ack(2, multiple=True) == [("1a", Returned("312 NO_ROUTE")), ("2b", CONFIRMED)]


def test_of_two_publishes_of_a_message_the_older_is_returned_first() -> None:
    ledger = opened("a", "a")

    ledger.returned("a", "first")
    ledger.returned("a", "second")

    assert ledger.ack(2, multiple=True) == [("1a", Returned("first")), ("2a", Returned("second"))]


def test_a_late_return_is_not_charged_to_the_next_publish_of_the_same_message() -> None:
    """Publishing again under the same id is what is advised after an indeterminate outcome."""
    ledger = opened("a")
    ledger.forget(ledger.entries())
    ledger.open("again", "a")

    ledger.returned("a", "312 NO_ROUTE")  # of the first, which was answered at last

    assert ledger.ack(1, multiple=False) == []
    assert ledger.ack(2, multiple=False) == [("again", CONFIRMED)]


def test_a_return_of_an_unknown_message_changes_nothing() -> None:
    ledger = opened("a")

    ledger.returned("never sent", "312 NO_ROUTE")

    assert ledger.ack(1, multiple=False) == [("1a", CONFIRMED)]


@pytest.mark.parametrize("multiple", [False, True])
def test_an_answer_for_a_tag_never_given_settles_nothing_beyond_it(multiple: bool) -> None:
    ledger = opened("a")

    settled = ledger.ack(5, multiple=multiple)

    assert settled == ([("1a", CONFIRMED)] if multiple else [])


def test_tags_start_from_one_on_a_new_channel() -> None:
    ledger = opened("a", "b")
    ledger.returned("a", "312 NO_ROUTE")

    assert ledger.restart() == ["1a", "2b"]
    assert ledger.open("1a", "a") == 1
    assert ledger.ack(1, multiple=False) == [("1a", CONFIRMED)], "the return belonged to the former channel"


def test_outcomes_tell_certain_from_uncertain_by_their_type() -> None:
    assert isinstance(CONFIRMED, Confirmed)
    assert Returned("x") != Nacked("x")
    assert repr(opened("a")) == "<Ledger 1 open, next tag 2>"
