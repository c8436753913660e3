"""Outcomes to effects: nothing is acknowledged before what replaces it is confirmed, and everything is in the end.

Not here: how an outcome is decided (tests/unit/reliability/test_retry.py), or real brokers (tests/contract).
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.support.scripted_broker import ScriptedBroker, ScriptedConnection, Sent
from warren import Message, Retry, Warren
from warren.clock import ManualClock
from warren.contracts.headers import ATTEMPT, DELAY, EXCHANGE, ROUTING_KEY
from warren.contracts.incoming import Incoming
from warren.contracts.properties import FieldValue, Properties
from warren.errors import Permanent, Transient
from warren.observability import events
from warren.reliability import dead_letter
from warren.reliability.outcome import Ack, DeadLetter, DeathReason, Defer, Outcome, RetryLater
from warren.transport.publisher import PublishChannel
from warren.transport.wire import decode_properties
from warren.worker.job import Job
from warren.worker.settle import COPY_TIMEOUT, Settler

COPIES = 1  # the number of the copies' channel
QUEUE = "billing.invoices"
RETRY = RetryLater(10.0, "transient", Transient("the bank is closed"))
DEFER = Defer(1.0)
DEAD = DeadLetter(DeathReason.PERMANENT, Permanent("no such customer"))
COPYING = pytest.mark.parametrize("outcome", [RETRY, DEFER, DEAD], ids=["retry", "defer", "dead-letter"])


class OrderCreated(Message, type="orders.created"):
    order_id: int


class FakeChannel:
    """The consumer's channel: notes acks, and is of one generation."""

    def __init__(self) -> None:
        self.acked: list[int] = []
        self.generation = 1

    def ack(self, incoming: Incoming) -> None:
        self.acked.append(incoming.delivery_tag)

    def is_current(self, incoming: Incoming) -> bool:
        return incoming.generation == self.generation


class Settling:
    """A settler whose copies go to a scripted broker."""

    def __init__(self, *, redact: dead_letter.Redact | None = None) -> None:
        app = Warren("billing")
        app.consumer(QUEUE, OrderCreated, retry=Retry("1s", "10s"))(lambda order: None)
        (spec,) = app.consumers
        self.connection = ScriptedConnection()
        self.loop = self.connection.loop
        self.channel = FakeChannel()
        self.copies = PublishChannel(self.connection, max_body=2**31)
        self.clock = ManualClock(1_700_000_100.0)
        self.settled: list[Job] = []
        self.missing = 0
        self.settler = Settler(
            spec,
            channel=self.channel,
            copies=self.copies,
            clock=self.clock,
            bus=self.connection.bus,
            on_settled=self.settled.append,
            on_queue_missing=self.note_missing,
            call_later=self.loop.call_later,
            lag=lambda job: 0.5,
            code_version="1.4.2",
            redact=redact,
            rng=random.Random(1),
        )

    def note_missing(self) -> None:
        self.missing += 1

    def settle(self, outcome: Outcome, job: Job | None = None) -> Job:
        job = job or delivered()
        self.settler.settle(job, outcome)
        self.loop.run()
        return job

    def copied(self, broker: ScriptedBroker) -> list[Sent]:
        broker.run()
        return broker.publishes

    def of(self, kind: type[events.Event]) -> list[Any]:
        return self.connection.of(kind)


def delivered(tag: int = 1, *, attempt: int = 1, body: bytes = b'{"order_id":1}', **properties: Any) -> Job:
    """A delivery on its way through a worker, its handler done."""
    known = {"message_id": f"m-{tag}", "type": "orders.created", "content_type": "application/json", **properties}
    job = Job(Incoming(body, Properties(**known), "orders", "orders.created", False, tag, 1, "c"))
    job.attempt = attempt
    job.seconds = 0.25
    job.key = "k-1"
    return job


def headers_of(sent: Sent) -> dict[str, FieldValue]:
    return dict(decode_properties(sent.properties, 0).headers)


@pytest.fixture
def settling() -> Settling:
    return Settling()


# -- acknowledging --------------------------------------------------------------------------------


def test_what_is_done_is_acknowledged_at_once(settling: Settling) -> None:
    job = settling.settle(Ack())

    assert (settling.channel.acked, settling.settled) == ([1], [job])
    assert settling.of(events.Processed) == [
        events.Processed(QUEUE, QUEUE, "m-1", "orders.created", 1, 0.25, 0.5),
    ]


def test_a_duplicate_is_acknowledged_and_told_as_one(settling: Settling) -> None:
    job = delivered()
    job.is_duplicate = True
    settling.settle(Ack(), job)

    assert settling.channel.acked == [1]
    assert settling.connection.events == [events.DuplicateAbsorbed(QUEUE, QUEUE, "m-1", "k-1", "orders.created")]


def test_retry_copy_is_confirmed_before_the_original_is_acked(settling: Settling) -> None:
    broker = settling.connection.up()
    job = settling.settle(RETRY)

    assert [copy.routing_key for copy in settling.copied(broker)] == ["billing.invoices.retry.10s"]
    assert (settling.channel.acked, settling.settled, settling.of(events.Retried)) == ([], [], [])

    broker.ack(COPIES, 1)
    assert (settling.channel.acked, settling.settled) == ([1], [job])
    (retried,) = settling.of(events.Retried)
    assert (retried.attempt, retried.delay, retried.classification) == (1, 10.0, "transient")
    assert retried.error == "Transient: the bank is closed"


def test_dead_letter_is_confirmed_before_the_original_is_acked(settling: Settling) -> None:
    broker = settling.connection.up()
    settling.settle(DEAD)

    assert [copy.routing_key for copy in settling.copied(broker)] == ["billing.invoices.dead"]
    assert settling.channel.acked == []

    broker.ack(COPIES, 1)
    assert settling.channel.acked == [1]
    (died,) = settling.of(events.DeadLettered)
    assert (died.reason, died.error) == ("permanent", "Permanent: no such customer")


def test_a_deferred_copy_is_confirmed_before_the_original_is_acked(settling: Settling) -> None:
    broker = settling.connection.up()
    settling.settle(DEFER)

    assert [copy.routing_key for copy in settling.copied(broker)] == ["billing.invoices.retry.1s"]
    assert settling.channel.acked == []

    broker.ack(COPIES, 1)
    assert settling.channel.acked == [1]
    assert settling.of(events.InProgressDeferred) == [
        events.InProgressDeferred(QUEUE, QUEUE, "m-1", "k-1", "orders.created")
    ]


# -- copies that are not confirmed --------------------------------------------------------------------


def returned(settling: Settling, broker: ScriptedBroker) -> None:
    broker.give_back(broker.publishes[-1])
    broker.ack(COPIES, 1)


def nacked(settling: Settling, broker: ScriptedBroker) -> None:
    broker.nack(COPIES, 1)


def indeterminate(settling: Settling, broker: ScriptedBroker) -> None:
    settling.copies.expire(float("inf"))


def refused(settling: Settling, broker: ScriptedBroker) -> None:
    broker.close_channel(COPIES, 406, "PRECONDITION_FAILED - message size 14 is larger than configured max size 10")
    settling.loop.advance(1.0)
    broker.run()


@COPYING
@pytest.mark.parametrize("trouble", [returned, nacked, indeterminate, refused])
def test_a_copy_that_is_not_confirmed_does_not_ack_and_is_tried_again(
    settling: Settling, outcome: Outcome, trouble: Any
) -> None:
    broker = settling.connection.up()
    job = settling.settle(outcome)
    settling.copied(broker)
    trouble(settling, broker)

    assert (settling.channel.acked, settling.settled) == ([], [])
    (delayed,) = settling.of(events.SettleDelayed)
    assert (delayed.message_id, delayed.target) == ("m-1", broker.publishes[0].routing_key)
    assert delayed.reason

    settling.loop.advance(60.0)
    first, again = settling.copied(broker)
    assert again == first, "the same copy, under the same id"
    broker.ack(COPIES, 1 if trouble is refused else 2)
    assert (settling.channel.acked, settling.settled) == ([1], [job])


@COPYING
def test_a_copy_that_cannot_leave_does_not_ack_and_leaves_later(settling: Settling, outcome: Outcome) -> None:
    """Blocked: no connection, or an alarm on the broker."""
    settling.settle(outcome)
    settling.copies.expire(float("inf"))
    assert "Blocked" in settling.of(events.SettleDelayed)[0].reason
    assert settling.channel.acked == []

    settling.loop.advance(60.0)
    broker = settling.connection.up()
    assert len(settling.copied(broker)) == 1
    broker.ack(COPIES, 1)
    assert settling.channel.acked == [1]


def test_tries_grow_further_apart_and_never_end(settling: Settling) -> None:
    broker = settling.connection.up()
    settling.settle(RETRY)
    for tag in range(1, 41):
        settling.copied(broker)
        broker.nack(COPIES, tag)
        settling.loop.advance(40.0)

    waits = [delayed.next_try for delayed in settling.of(events.SettleDelayed)]
    assert len(waits) == 40
    assert max(waits[:3]) < 1.0
    assert 10.0 < max(waits) <= 30.0
    assert (settling.channel.acked, settling.settled) == ([], [])


def test_a_copy_that_reaches_no_queue_asks_for_the_queue_to_be_declared(settling: Settling) -> None:
    """A tier that was deleted would hold its messages up until the worker starts again."""
    broker = settling.connection.up()
    settling.settle(RETRY)
    settling.copied(broker)
    nacked(settling, broker)
    assert settling.missing == 0
    settling.loop.advance(60.0)
    settling.copied(broker)
    broker.give_back(broker.publishes[-1])
    broker.ack(COPIES, 2)

    assert settling.missing == 1


def test_a_copy_is_given_time_before_it_counts_as_unanswered(settling: Settling) -> None:
    settling.connection.up()
    settling.settle(RETRY)
    (entry,) = settling.copies._ledger.entries()

    assert entry.deadline - entry.started == COPY_TIMEOUT


# -- deliveries whose channel is gone ---------------------------------------------------------------------


@COPYING
def test_a_delivery_of_a_former_channel_is_dropped_without_a_copy(settling: Settling, outcome: Outcome) -> None:
    """The broker redelivers it: a copy besides would double it."""
    broker = settling.connection.up()
    settling.channel.generation = 2
    job = settling.settle(outcome)

    assert settling.copied(broker) == []
    assert (settling.channel.acked, settling.settled) == ([], [job])


@COPYING
def test_a_copy_is_not_tried_again_once_the_channel_is_gone(settling: Settling, outcome: Outcome) -> None:
    broker = settling.connection.up()
    job = settling.settle(outcome)
    settling.copied(broker)
    nacked(settling, broker)
    settling.channel.generation = 2
    settling.loop.advance(60.0)

    assert len(settling.copied(broker)) == 1
    assert (settling.channel.acked, settling.settled) == ([], [job])


@COPYING
def test_after_closing_nothing_is_tried_again_and_nothing_acked(settling: Settling, outcome: Outcome) -> None:
    broker = settling.connection.up()
    waiting, sent = delivered(1), delivered(2)
    settling.settle(outcome, waiting)
    settling.copied(broker)
    nacked(settling, broker)
    settling.settle(outcome, sent)
    settling.copied(broker)
    settling.settler.close()
    broker.nack(COPIES, 2)
    late = settling.settle(outcome, delivered(3))
    settling.loop.advance(60.0)

    assert len(settling.copied(broker)) == 2
    assert settling.channel.acked == []
    assert settling.settled == [sent, late, waiting]


# -- what a copy carries --------------------------------------------------------------------------------------


def test_a_retry_copy_is_its_original_with_the_next_attempt_and_where_it_came_from(settling: Settling) -> None:
    broker = settling.connection.up()
    original = {
        "correlation_id": "c-1",
        "reply_to": "answers",
        "priority": 7,
        "timestamp": 1_700_000_000,
        "app_id": "shop",
        "headers": {"tenant": "acme", "x-death": [{"count": 1}], "CC": ["other"], "x-delivery-count": 3},
        "expiration": "60000",
    }
    settling.settle(RETRY, delivered(attempt=2, **original))
    (copy,) = settling.copied(broker)
    properties = decode_properties(copy.properties, 0)

    assert (copy.exchange, copy.body) == ("", b'{"order_id":1}')
    assert properties == Properties(
        content_type="application/json",
        delivery_mode=2,
        message_id="m-1",
        type="orders.created",
        correlation_id="c-1",
        reply_to="answers",
        priority=7,
        timestamp=1_700_000_000,
        app_id="shop",
        headers={
            "tenant": "acme",
            EXCHANGE: "orders",
            ROUTING_KEY: "orders.created",
            ATTEMPT: 3,
            DELAY: 10_000,
            dead_letter.FIRST_FAILED_AT: 1_700_000_100_000,
        },
    )


def test_what_earlier_copies_noted_is_kept_and_added_to(settling: Settling) -> None:
    broker = settling.connection.up()
    noted: dict[str, FieldValue] = {
        EXCHANGE: "first",
        ROUTING_KEY: "first.key",
        DELAY: 1_000,
        dead_letter.FIRST_FAILED_AT: 1_700_000_000_000,
    }
    settling.settle(RETRY, delivered(attempt=2, headers=noted))
    headers = headers_of(settling.copied(broker)[0])

    assert (headers[EXCHANGE], headers[ROUTING_KEY]) == ("first", "first.key")
    assert headers[DELAY] == 11_000
    assert headers[dead_letter.FIRST_FAILED_AT] == 1_700_000_000_000


def test_a_deferral_charges_no_attempt(settling: Settling) -> None:
    broker = settling.connection.up()
    settling.settle(DEFER, delivered(attempt=2))
    headers = headers_of(settling.copied(broker)[0])

    assert (headers[ATTEMPT], headers[DELAY]) == (2, 1_000)
    assert dead_letter.FIRST_FAILED_AT not in headers


def test_a_dead_letter_says_why(settling: Settling) -> None:
    broker = settling.connection.up()
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    settling.settle(DEAD, delivered(attempt=3, headers={"traceparent": trace}))
    headers = headers_of(settling.copied(broker)[0])

    assert headers[dead_letter.REASON] == "permanent"
    assert headers[dead_letter.ERROR] == "no such customer"
    assert headers[dead_letter.ATTEMPTS] == 3
    assert (headers[dead_letter.QUEUE], headers[dead_letter.CONSUMER]) == (QUEUE, QUEUE)
    assert headers[dead_letter.CODE_VERSION] == "1.4.2"
    assert headers[dead_letter.TRACE_ID] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert headers[dead_letter.FIRST_FAILED_AT] == headers[dead_letter.LAST_FAILED_AT] == 1_700_000_100_000


# -- messages made to hurt ------------------------------------------------------------------------------------------


class Mute(Exception):
    """An error whose text fails."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


HOSTILE = {
    "a first failure at the end of time": delivered(headers={dead_letter.FIRST_FAILED_AT: 2**63 - 1}),
    "an attempt that is text": delivered(headers={ATTEMPT: "x" * 100_000}),
    "a delay beyond all bounds": delivered(headers={DELAY: 2**63 - 1}),
    "a header in our name, as long as a frame": delivered(headers={"x-warren-version": "v" * 130_000}),
    "an exchange that is no text": delivered(headers={EXCHANGE: "caf\udce9", ROUTING_KEY: "\udcff"}),
    "a trace that is no text": delivered(headers={"traceparent": "00-" + "\udcff" * 32 + "-0-0"}),
    "no message id": delivered(message_id=None),
    "someone else's name": delivered(user_id="bob"),
}


@COPYING
@pytest.mark.parametrize("job", HOSTILE.values(), ids=HOSTILE)
def test_whatever_a_message_brings_it_can_be_settled(settling: Settling, outcome: Outcome, job: Job) -> None:
    broker = settling.connection.up()
    settling.settle(outcome, job)
    (copy,) = settling.copied(broker)
    broker.ack(COPIES, 1)

    assert settling.channel.acked == [1]
    assert decode_properties(copy.properties, 0).user_id is None
    assert settling.of(events.SettleDelayed) == []


@pytest.mark.parametrize(
    "error", [Mute(), ValueError("\ud800"), ValueError("x" * 10_000_000)], ids=["mute", "no text", "long"]
)
@pytest.mark.parametrize("kind", ["retry", "dead-letter"])
def test_whatever_an_error_brings_its_message_can_be_settled(settling: Settling, kind: str, error: Exception) -> None:
    broker = settling.connection.up()
    settling.settle(RetryLater(1.0, "unknown", error) if kind == "retry" else DeadLetter(DeathReason.EXHAUSTED, error))
    settling.copied(broker)
    broker.ack(COPIES, 1)

    assert settling.channel.acked == [1]


@pytest.mark.parametrize("text", ["\ud800", "x" * 1_000_000], ids=["no text", "long"])
def test_whatever_redaction_returns_its_message_can_be_settled(text: str) -> None:
    settling = Settling(redact=lambda texts: dict.fromkeys(texts, text))
    broker = settling.connection.up()
    settling.settle(DEAD)
    settling.copied(broker)
    broker.ack(COPIES, 1)

    assert settling.channel.acked == [1]
