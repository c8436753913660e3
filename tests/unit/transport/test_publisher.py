"""A publish channel against a scripted broker: each entry is settled once, as what is known of it, whatever happens.

Not here: real brokers (tests/contract), or what callers get (tests/unit/test_publishing.py).
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest

from tests.support.scripted_broker import ScriptedBroker, ScriptedConnection
from warren.contracts.envelope import Outgoing
from warren.contracts.properties import FieldValue, Properties
from warren.errors import BrokerRefused, MessageTooLarge
from warren.observability import events
from warren.transport.confirms import CONFIRMED, BlockedOutcome, Indeterminate, Nacked, Outcome, Returned
from warren.transport.publisher import TICK, Entry, PublishChannel

FOREVER = 1_000_000.0
CHANNEL = 1


class Publishing:
    """A publish channel, and what became of each message."""

    def __init__(self, *, max_body: int = 1_000_000) -> None:
        self.connection = ScriptedConnection()
        self.loop = self.connection.loop
        self.channel = PublishChannel(self.connection, max_body=max_body)
        self.outcomes: list[tuple[str, Outcome]] = []

    def settled(self, entry: Entry, outcome: Outcome) -> None:
        self.outcomes.append((entry.outgoing.message_id, outcome))

    def entry(
        self,
        message_id: str,
        *,
        body: bytes = b"{}",
        exchange: str = "orders",
        timeout: float = FOREVER,
        user_id: str | None = None,
        headers: dict[str, FieldValue] | None = None,
        announced: bool = True,
    ) -> Entry:
        properties = Properties(message_id=message_id, user_id=user_id, headers=headers or {})
        outgoing = Outgoing(exchange, "orders.created", properties, body, message_id, "orders.created")
        return self.channel.entry(outgoing, timeout=timeout, settled=self.settled, announced=announced)

    def publish(self, *message_ids: str, **details: Any) -> None:
        self.channel.submit([self.entry(message_id, **details) for message_id in message_ids])
        self.loop.run()

    def expire(self) -> None:
        self.channel.expire(time.monotonic() + 2 * FOREVER)

    @property
    def settled_as(self) -> dict[str, Outcome]:
        outcomes = dict(self.outcomes)
        assert len(outcomes) == len(self.outcomes), "an entry was settled twice"
        return outcomes


@pytest.fixture
def publishing() -> Publishing:
    return Publishing()


def sent(broker: ScriptedBroker) -> list[str | None]:
    broker.run()
    return [publish.message_id for publish in broker.publishes]


# -- the straight way -------------------------------------------------------------------------------


def test_a_publish_waits_for_confirm_mode_and_is_settled_by_its_confirm(publishing: Publishing) -> None:
    publishing.publish("a")
    broker = publishing.connection.up(silent={"Confirm.Select"})
    assert sent(broker) == []

    broker.silent.clear()
    broker.send(CHANNEL, broker_answer("Confirm.SelectOk"))
    assert sent(broker) == ["a"]
    assert publishing.outcomes == []

    broker.ack(CHANNEL, 1)
    assert publishing.outcomes == [("a", CONFIRMED)]
    assert broker.names(CHANNEL) == ["Channel.Open", "Confirm.Select"]


def broker_answer(name: str) -> Any:
    import pika.spec

    kind, method = name.split(".")
    return getattr(getattr(pika.spec, kind), method)()


def test_messages_leave_in_order_and_in_one_write(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    writes = len(broker.transport.writes)

    publishing.publish("a", "b", "c")

    assert len(broker.transport.writes) == writes + 1
    assert sent(broker) == ["a", "b", "c"]
    broker.ack(CHANNEL, 3, multiple=True)
    assert publishing.outcomes == [("a", CONFIRMED), ("b", CONFIRMED), ("c", CONFIRMED)]


def test_a_returned_message_is_returned_though_the_broker_acks_it(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.publish("a", "b")
    sent(broker)

    broker.give_back(broker.publishes[0])
    broker.ack(CHANNEL, 2, multiple=True)

    assert publishing.settled_as == {
        "a": Returned("312 NO_ROUTE: no queue receives exchange 'orders' with routing key 'orders.created'"),
        "b": CONFIRMED,
    }


def test_a_message_to_a_queue_is_returned_by_the_queues_name(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.publish("a", exchange="")
    sent(broker)

    broker.give_back(broker.publishes[0])
    broker.ack(CHANNEL, 1)

    assert publishing.settled_as == {"a": Returned("312 NO_ROUTE: no queue receives queue 'orders.created'")}


def test_what_is_not_announced_is_settled_without_an_event(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.publish("a", "b", announced=False)
    sent(broker)

    broker.give_back(broker.publishes[0])
    broker.ack(CHANNEL, 2, multiple=True)

    assert [type(outcome) for outcome in publishing.settled_as.values()] == [Returned, type(CONFIRMED)]
    assert publishing.connection.of(events.Returned) == publishing.connection.of(events.Confirmed) == []


def test_nacks_are_nacked(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.publish("a", "b", "c")
    sent(broker)

    broker.nack(CHANNEL, 2, multiple=True)
    broker.ack(CHANNEL, 3)

    assert isinstance(publishing.settled_as["a"], Nacked)
    assert isinstance(publishing.settled_as["b"], Nacked)
    assert publishing.settled_as["c"] is CONFIRMED


def test_events_tell_each_step(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.publish("a", "b", "c")
    sent(broker)
    broker.ack(CHANNEL, 1)
    broker.give_back(broker.publishes[1])
    broker.ack(CHANNEL, 2)
    broker.nack(CHANNEL, 3)

    seen = publishing.connection.events
    assert [type(event).__name__ for event in seen] == [
        "Published",
        "Published",
        "Published",
        "Confirmed",
        "Returned",
        "ConfirmFailed",
    ]
    assert [event.message_id for event in seen] == ["a", "b", "c", "a", "b", "c"]


# -- deadlines ----------------------------------------------------------------------------------------


def test_at_its_deadline_a_message_never_sent_is_blocked(publishing: Publishing) -> None:
    publishing.publish("a")
    publishing.expire()

    assert publishing.settled_as == {"a": BlockedOutcome("its deadline passed (no connection: still connecting)")}


def test_at_its_deadline_a_message_sent_is_indeterminate(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.publish("a")
    sent(broker)
    publishing.expire()

    assert isinstance(publishing.settled_as["a"], Indeterminate)
    broker.ack(CHANNEL, 1)  # late
    assert len(publishing.outcomes) == 1


def test_at_its_deadline_a_message_that_waits_to_be_sent_again_is_indeterminate(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.publish("a")
    sent(broker)
    publishing.connection.down(broker)
    publishing.connection.up(silent={"Channel.Open"})
    publishing.expire()

    assert isinstance(publishing.settled_as["a"], Indeterminate)


def test_deadlines_are_looked_at_without_anything_else_happening(publishing: Publishing) -> None:
    publishing.publish("a", timeout=0.0)
    publishing.publish("b")

    publishing.loop.advance(TICK)

    assert list(publishing.settled_as) == ["a"]


def test_an_expired_message_is_not_sent_when_the_connection_comes(publishing: Publishing) -> None:
    publishing.publish("a", timeout=0.0)
    publishing.loop.advance(TICK)
    publishing.publish("b")

    assert sent(publishing.connection.up()) == ["b"]


def test_without_messages_no_timer_runs(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.publish("a")
    sent(broker)
    broker.ack(CHANNEL, 1)
    publishing.loop.advance(TICK)

    assert publishing.loop.delays == []


# -- alarms -------------------------------------------------------------------------------------------


def test_an_alarm_holds_messages_back_until_it_is_over(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.channel.connection_blocked("low on memory")
    publishing.publish("a", "b")
    assert sent(broker) == []

    publishing.channel.connection_unblocked()
    assert sent(broker) == ["a", "b"]


def test_a_message_held_back_past_its_deadline_says_why(publishing: Publishing) -> None:
    publishing.connection.up()
    publishing.channel.connection_blocked("low on memory")
    publishing.publish("a")
    publishing.expire()

    outcome = publishing.settled_as["a"]
    assert isinstance(outcome, BlockedOutcome)
    assert "low on memory" in outcome.reason


def test_an_alarm_ends_with_its_connection(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.channel.connection_blocked("low on memory")
    publishing.publish("a")
    publishing.connection.down(broker)

    assert sent(publishing.connection.up()) == ["a"]


# -- a lost connection ----------------------------------------------------------------------------------


def test_what_was_unanswered_is_sent_again_first_in_order_and_under_the_same_id(publishing: Publishing) -> None:
    first = publishing.connection.up()
    publishing.publish("a", "b", "c")
    sent(first)
    first.ack(CHANNEL, 1)
    publishing.connection.down(first)
    publishing.publish("d")
    second = publishing.connection.up()

    assert sent(second) == ["b", "c", "d"]
    second.ack(CHANNEL, 3, multiple=True)
    assert publishing.outcomes == [("a", CONFIRMED), ("b", CONFIRMED), ("c", CONFIRMED), ("d", CONFIRMED)]


def test_a_connection_lost_again_while_the_channel_opens_loses_no_order(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.publish("a", "b")
    sent(broker)
    for silent in ("Channel.Open", "Confirm.Select"):
        publishing.connection.down(broker)
        broker = publishing.connection.up(silent={silent})
        publishing.publish(silent)
    publishing.connection.down(broker)

    assert sent(publishing.connection.up()) == ["a", "b", "Channel.Open", "Confirm.Select"]


def test_a_return_of_the_lost_connection_is_not_held_against_the_next_try(publishing: Publishing) -> None:
    first = publishing.connection.up()
    publishing.publish("a")
    sent(first)
    first.give_back(first.publishes[0])
    publishing.connection.down(first)
    second = publishing.connection.up()
    sent(second)
    second.ack(CHANNEL, 1)

    assert publishing.settled_as == {"a": CONFIRMED}


def test_what_is_refused_when_it_is_sent_again_may_have_been_stored_the_first_time(publishing: Publishing) -> None:
    first = publishing.connection.up()
    publishing.publish("returned", "nacked")
    sent(first)
    publishing.connection.down(first)
    second = publishing.connection.up()
    sent(second)
    publishing.publish("new")
    sent(second)

    second.give_back(second.publishes[0])
    second.ack(CHANNEL, 1)
    second.nack(CHANNEL, 3, multiple=True)

    kinds = {message_id: type(outcome) for message_id, outcome in publishing.outcomes}
    assert kinds == {"returned": Indeterminate, "nacked": Indeterminate, "new": Nacked}


def test_on_a_connection_with_smaller_frames_messages_are_cut_anew(publishing: Publishing) -> None:
    publishing.publish("a", body=b"x" * 100_000)

    broker = publishing.connection.up(frame_max=4_096)

    assert sent(broker) == ["a"]  # the scripted broker refuses longer frames
    assert broker.publishes[0].body == b"x" * 100_000


@pytest.mark.parametrize("was_sent", [False, True])
def test_headers_that_fit_no_frame_any_more_end_the_message(publishing: Publishing, was_sent: bool) -> None:
    """Certain only where it never left."""
    if was_sent:
        broker = publishing.connection.up()
    publishing.publish("a", headers={"long": "x" * 10_000})
    publishing.publish("b")
    if was_sent:
        sent(broker)
        publishing.connection.down(broker)

    assert sent(publishing.connection.up(frame_max=4_096)) == ["b"]
    outcome = publishing.settled_as["a"]
    assert isinstance(outcome, Indeterminate if was_sent else Nacked)
    assert "4,096" in str(outcome)


# -- a channel the broker closes --------------------------------------------------------------------------


def closed_by_broker(publishing: Publishing, code: int, text: str) -> ScriptedBroker:
    broker = publishing.connection.up()
    publishing.publish("small", body=b"x" * 10)
    publishing.publish("big", body=b"x" * 2_000)
    publishing.publish("elsewhere", exchange="other")
    publishing.publish("foreign", user_id="bob")
    sent(broker)
    broker.close_channel(CHANNEL, code, text)
    return broker


REFUSALS = {
    "404 exchange": (404, "NOT_FOUND - no exchange 'other' in vhost '/'", {"elsewhere": Returned}),
    "403 rights, 3.10": (
        403,
        "ACCESS_REFUSED - access to exchange 'other' in vhost '/' refused for user 'bob'",
        {"elsewhere": Nacked},
    ),
    "403 rights, 4.0": (
        403,
        "ACCESS_REFUSED - write access to exchange 'other' in vhost '/' refused for user 'bob'",
        {"elsewhere": Nacked},
    ),
    "403 internal": (
        403,
        "ACCESS_REFUSED - cannot publish to internal exchange 'other' in vhost '/'",
        {"elsewhere": Nacked},
    ),
    "406 size": (
        406,
        "PRECONDITION_FAILED - message size 2000 is larger than configured max size 1000",
        {"big": Nacked},
    ),
    "406 user": (
        406,
        "PRECONDITION_FAILED - user_id property set to 'bob' but authenticated user was 'guest'",
        {"foreign": Nacked},
    ),
    "anything else": (541, "INTERNAL_ERROR", {}),
}


@pytest.mark.parametrize(("code", "text", "certain"), REFUSALS.values(), ids=REFUSALS)
def test_the_message_the_broker_complains_of_is_told_apart_from_its_neighbours(
    publishing: Publishing, code: int, text: str, certain: dict[str, type[Outcome]]
) -> None:
    closed_by_broker(publishing, code, text)

    assert {name: type(outcome) for name, outcome in publishing.settled_as.items()} == {
        name: certain.get(name, Indeterminate) for name in ("small", "big", "elsewhere", "foreign")
    }
    assert all(text in str(outcome) for outcome in publishing.settled_as.values())


def test_after_a_refusal_the_channel_opens_again_and_goes_on(publishing: Publishing) -> None:
    broker = closed_by_broker(publishing, 404, "NOT_FOUND - no exchange 'other' in vhost '/'")
    publishing.publish("next")
    publishing.loop.advance(0.0)
    assert sent(broker)[4:] == ["next"]

    broker.ack(CHANNEL, 1)
    assert publishing.settled_as["next"] is CONFIRMED
    assert broker.names(CHANNEL) == [
        "Channel.Open",
        "Confirm.Select",
        "Channel.CloseOk",
        "Channel.Open",
        "Confirm.Select",
    ]


def test_a_channel_refused_again_and_again_opens_ever_more_slowly(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    waits = []
    for number in range(40):
        publishing.publish(f"{number}")
        sent(broker)
        broker.close_channel(CHANNEL, 404, "NOT_FOUND - no exchange 'orders' in vhost '/'")
        waits.append(max(publishing.loop.delays))
        publishing.loop.advance(waits[-1])

    assert waits[0] < 2 * TICK
    assert 1.0 < max(waits) <= 5.0
    assert len(publishing.settled_as) == 40


def test_a_connection_lost_before_the_channel_opens_again_opens_it_once(publishing: Publishing) -> None:
    """Two opens under one number would end the connection."""
    broker = publishing.connection.up()
    for _ in range(3):  # so that there is a wait
        broker.close_channel(CHANNEL, 541, "INTERNAL_ERROR")
        publishing.connection.down(broker)
        broker = publishing.connection.up()
    publishing.loop.advance(10.0)
    publishing.publish("a")

    assert sent(broker) == ["a"]
    assert broker.names(CHANNEL) == ["Channel.Open", "Confirm.Select"]


# -- what is refused before it is sent --------------------------------------------------------------------


def test_a_body_beyond_the_limit_is_refused_by_name_and_size() -> None:
    publishing = Publishing(max_body=100)
    with pytest.raises(MessageTooLarge, match=r"message big has a body of 101 bytes; the limit is 100"):
        publishing.entry("big", body=b"x" * 101)


def test_headers_beyond_a_frame_are_refused(publishing: Publishing) -> None:
    with pytest.raises(MessageTooLarge, match="must fit one frame of 131,072"):
        publishing.entry("a", headers={"long": "x" * 131_072})


def test_headers_no_field_can_hold_are_a_value_error(publishing: Publishing) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        publishing.entry("a", headers={"n": 2**64})


# -- the end --------------------------------------------------------------------------------------------------


def test_closing_settles_everything_and_frees_the_channel_number(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.publish("sent")
    sent(broker)
    publishing.channel.connection_blocked("low on memory")
    publishing.publish("held")
    publishing.channel.close()
    publishing.loop.run()

    assert publishing.settled_as == {
        "sent": Indeterminate("the publisher has been closed"),
        "held": BlockedOutcome("the publisher has been closed"),
    }
    assert publishing.connection.channels == {CHANNEL}, "the broker has not agreed yet"
    broker.run()
    assert publishing.connection.channels == set()
    assert publishing.connection.users == []


@pytest.mark.parametrize("silent", [set(), {"Channel.Open"}, {"Confirm.Select"}, {"Channel.Close"}], ids=repr)
def test_closing_at_any_point_of_opening_leaves_no_channel(publishing: Publishing, silent: set[str]) -> None:
    broker = publishing.connection.up(silent=silent)
    publishing.channel.close()
    publishing.channel.close()
    broker.run()
    if silent == {"Channel.Open"}:
        broker.send(CHANNEL, broker_answer("Channel.OpenOk"))
    if silent == {"Confirm.Select"}:
        broker.send(CHANNEL, broker_answer("Confirm.SelectOk"))
    if silent == {"Channel.Close"}:
        broker.lose()

    assert publishing.connection.channels == set()
    assert broker.stream._channels in ({}, None)


def test_closing_without_a_connection_frees_the_channel_number(publishing: Publishing) -> None:
    publishing.channel.close()
    publishing.loop.run()

    assert publishing.connection.channels == set()


def test_publishing_after_the_end_is_blocked_at_once(publishing: Publishing) -> None:
    publishing.connection.up()
    publishing.channel.close()
    publishing.publish("a")

    assert publishing.settled_as == {"a": BlockedOutcome("the publisher has been closed")}


def test_a_connection_that_is_refused_settles_everything_with_the_reason(publishing: Publishing) -> None:
    broker = publishing.connection.up()
    publishing.publish("sent")
    sent(broker)
    publishing.connection.down(broker)
    publishing.publish("pending")
    publishing.connection.end(BrokerRefused("no such virtual host"))

    assert publishing.settled_as == {
        "sent": Indeterminate("no such virtual host"),
        "pending": BlockedOutcome("no such virtual host"),
    }


def test_after_the_io_thread_has_ended_each_submit_is_settled_at_once(publishing: Publishing) -> None:
    publishing.connection.io.is_stopped = True
    publishing.publish("a")
    publishing.publish("b", "c")

    assert publishing.settled_as == dict.fromkeys("abc", BlockedOutcome("the connection has been closed"))


def test_threads_that_submit_after_the_end_settle_each_entry_once(publishing: Publishing) -> None:
    publishing.connection.io.is_stopped = True
    entries = [publishing.entry(f"{number}") for number in range(400)]
    go = threading.Barrier(4)

    def submit(mine: list[Entry]) -> None:
        go.wait()
        for entry in mine:
            publishing.channel.submit([entry])

    threads = [threading.Thread(target=submit, args=(entries[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(publishing.settled_as) == 400


def test_a_callback_may_publish_again_after_the_end(publishing: Publishing) -> None:
    """As the callback of a future does that moves on to the next message."""
    publishing.connection.io.is_stopped = True
    first = publishing.entry("first")

    def publish_next(entry: Entry, outcome: Outcome) -> None:
        publishing.settled(entry, outcome)
        publishing.channel.submit([publishing.entry("next")])

    first.settled = publish_next
    thread = threading.Thread(target=publishing.channel.submit, args=([first],), daemon=True)
    thread.start()
    thread.join(5.0)

    assert not thread.is_alive()
    assert list(publishing.settled_as) == ["first", "next"]


@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit(1)], ids=lambda error: type(error).__name__)
def test_a_callback_that_fails_costs_no_other_message_its_outcome(
    publishing: Publishing, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    def fail(_entry: Entry, _outcome: Outcome) -> None:
        raise error

    broker = publishing.connection.up()
    failing = publishing.entry("failing")
    failing.settled = fail
    publishing.channel.submit([failing, publishing.entry("next")])
    publishing.loop.run()
    sent(broker)

    with caplog.at_level(logging.ERROR, logger="warren.transport"):
        broker.ack(CHANNEL, 2, multiple=True)

    assert publishing.settled_as == {"next": CONFIRMED}
    assert "failing" in caplog.text
    assert broker.stream.is_open


def test_a_stream_that_is_closing_is_sent_nothing(publishing: Publishing) -> None:
    broker = publishing.connection.up(silent={"Channel.Close"})
    broker.stream.close()
    publishing.publish("a")
    publishing.connection.end(BrokerRefused("closed"))

    assert publishing.settled_as == {"a": BlockedOutcome("closed")}


def test_its_repr_tells_how_it_stands(publishing: Publishing) -> None:
    assert repr(publishing.channel) == "<PublishChannel waiting, 0 unconfirmed, 0 pending>"
    publishing.connection.up()
    publishing.publish("a")
    assert repr(publishing.channel) == "<PublishChannel open, 1 unconfirmed, 0 pending>"


def test_failures_are_announced_by_their_kind(publishing: Publishing) -> None:
    publishing.publish("a")
    publishing.expire()

    (failed,) = publishing.connection.of(events.ConfirmFailed)
    assert failed.outcome == "blocked"
