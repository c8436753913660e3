"""A classic queue against a naive model of it: any mixture of publishes, deliveries, settlements and time."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from tests.support.broker_stage import Client, Stage
from warren.broker.model.consumers import Consumer
from warren.broker.model.message import NEVER


@dataclass(eq=False)
class Waiting:
    """A message in the model."""

    number: int
    expires_at: float
    redelivered: bool = False


@dataclass(eq=False)
class Subscriber:
    """A consumer, or with `consumer` None a client that only gets."""

    client: Client
    consumer: Consumer | None
    prefetch: int
    no_ack: bool
    unacked: dict[int, Waiting]


class QueueMachine(RuleBasedStateMachine):
    """Deliveries to several consumers may go to any that is able; what is delivered, and in which order, is fixed."""

    subscribers = Bundle("subscribers")

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.max_length: int | None = None
        self.queue = self.stage.queue()
        self.ready: list[Waiting] = []
        self.active: list[Subscriber] = []
        self.number = 0

    # -- rules -----------------------------------------------------------------------------

    @rule(ttl_ms=st.one_of(st.none(), st.integers(0, 20)))
    def publish(self, ttl_ms: int | None) -> None:
        self.number += 1
        expires_at = NEVER if ttl_ms is None else self.now + ttl_ms / 1000
        message = Waiting(self.number, expires_at)
        self.expire()
        self.ready.append(message)
        values = {} if ttl_ms is None else {"expiration": str(ttl_ms)}
        self.stage.publish(str(self.number), **values)
        self.hear()
        self.trim()

    @rule(target=subscribers, prefetch=st.integers(0, 3), no_ack=st.booleans())
    def consume(self, prefetch: int, no_ack: bool) -> Subscriber:
        client = self.stage.client()
        self.expire()
        consumer = client.consume(self.queue, "c", prefetch=prefetch, no_ack=no_ack)
        subscriber = Subscriber(client, consumer, prefetch, no_ack, {})
        self.active.append(subscriber)
        self.hear()
        return subscriber

    @rule(target=subscribers)
    def begin_to_get(self) -> Subscriber:
        subscriber = Subscriber(self.stage.client(), None, 0, False, {})
        self.active.append(subscriber)
        return subscriber

    @rule(subscriber=subscribers, no_ack=st.booleans())
    def get(self, subscriber: Subscriber, no_ack: bool) -> None:
        self.expire()
        got = subscriber.client.get(self.queue, no_ack=no_ack)
        if got is None:
            assert self.ready == []
            return
        message = self.ready.pop(0)
        assert got == f"{message.number}{'*' if message.redelivered else ''}"
        if not no_ack:
            subscriber.unacked[subscriber.client.tags[-1]] = message
        self.expire()

    @rule(
        subscriber=subscribers,
        place=st.integers(0, 5),
        how=st.sampled_from(["ack", "reject", "requeue"]),
        multiple=st.booleans(),
    )
    def settle(self, subscriber: Subscriber, place: int, how: str, multiple: bool) -> None:
        if not subscriber.unacked:
            return
        tag = sorted(subscriber.unacked)[place % len(subscriber.unacked)]
        tags = [one for one in sorted(subscriber.unacked) if one == tag or (multiple and one < tag)]
        settled = [subscriber.unacked.pop(one) for one in tags]
        if how == "requeue":
            self.give_back(settled)
        self.expire()
        getattr(subscriber.client, how)(tag, multiple=multiple)
        self.hear()

    @rule(subscriber=consumes(subscribers))
    def close(self, subscriber: Subscriber) -> None:
        self.active.remove(subscriber)
        self.give_back(list(subscriber.unacked.values()))
        self.expire()
        subscriber.client.close()
        self.hear()

    @rule(seconds=st.sampled_from([0.001, 0.005, 0.02]))
    def let_time_pass(self, seconds: float) -> None:
        self.stage.wait(seconds)
        self.expire()
        self.hear()

    @rule(max_length=st.one_of(st.none(), st.integers(0, 5)))
    def limit(self, max_length: int | None) -> None:
        self.max_length = max_length
        self.queue.apply_policy(None if max_length is None else {"max-length": max_length})
        self.trim()

    @rule()
    def purge(self) -> None:
        self.expire()
        assert self.queue.purge() == len(self.ready)
        self.ready.clear()

    # -- the model -------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self.stage.clock.monotonic()

    def expire(self) -> None:
        while self.ready and self.ready[0].expires_at <= self.now:
            del self.ready[0]

    def trim(self) -> None:
        self.expire()
        while self.max_length is not None and len(self.ready) > self.max_length:
            del self.ready[0]
            self.expire()

    def give_back(self, settled: list[Waiting]) -> None:
        for message in settled:
            message.redelivered = True
        self.ready = sorted([*self.ready, *settled], key=lambda message: message.number)
        self.trim()

    def hear(self) -> None:
        """Take what the consumers heard from the model's queue: together it is what was next in it."""
        heard = [(text.removeprefix("c:"), one) for one in self.active for text in one.client.taken()]
        by_number = {message.number: message for message in self.ready}
        taken = []
        for text, subscriber in heard:
            message = by_number[int(text.rstrip("*"))]
            assert text.endswith("*") is message.redelivered
            taken.append(message)
            if not subscriber.no_ack:
                subscriber.unacked[self.tag_of(subscriber, message)] = message
        for message in sorted(taken, key=lambda message: message.number):
            assert self.ready.pop(0) is message
            self.expire()
        self.expire()

    def tag_of(self, subscriber: Subscriber, message: Waiting) -> int:
        body = str(message.number).encode()
        unacked = subscriber.client.channel.unacked
        return next(tag for tag, entry in unacked.items() if entry.message.body == body)

    # -- what always holds -----------------------------------------------------------------

    @invariant()
    def the_same_messages_wait(self) -> None:
        assert [int(entry.message.body or b"") for entry in self.queue.waiting()] == [one.number for one in self.ready]

    @invariant()
    def the_counters_are_right(self) -> None:
        queue = self.queue
        entries = list(queue.waiting())
        assert queue.ready_count == len(entries)
        assert queue.ready_bytes == sum(entry.message.size for entry in entries)
        unacked = [entry for subscriber in self.active for entry in subscriber.client.channel.unacked.values()]
        assert queue.unacked_count == len(unacked)
        assert queue.unacked_bytes == sum(entry.message.size for entry in unacked)
        assert queue.published == self.number
        left = len(self.stage.storage.acknowledged)
        assert queue.published == left + queue.ready_count + queue.unacked_count

    @invariant()
    def nobody_is_over_the_prefetch(self) -> None:
        for subscriber in self.active:
            if subscriber.consumer is not None:
                consumed = [one for one in subscriber.client.channel.unacked.values() if one.consumer is not None]
                assert subscriber.consumer.unacked == len(consumed)
                assert not subscriber.prefetch or len(consumed) <= subscriber.prefetch or subscriber.no_ack

    @invariant()
    def nothing_waits_beside_an_able_consumer(self) -> None:
        if self.ready:
            for subscriber in self.active:
                assert subscriber.consumer is None or not subscriber.consumer.is_able()


TestQueueAgainstANaiveModel = QueueMachine.TestCase
TestQueueAgainstANaiveModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
