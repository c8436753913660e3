"""Random scripts over a small universe: two channels, five queues, two exchanges; what they observe, step by step.

Not here: the comparison (test_generated.py), the bytes (raw/).

After every step the player waits until all it set off has arrived, so that a script has one outcome. What one channel
gets from several queues comes in any order: deliveries are compared by consumer, and settled by what is in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.differential.raw.channel import Channel, Received
from tests.differential.script import Script
from tests.differential.transcript import Symbols, told

__all__ = ["SCRIPTS", "Player", "Step"]

Step = tuple[Any, ...]  # A verb, the number of a channel, and what the verb takes.

QUEUES: dict[str, dict[str, Any]] = {
    "plain": {},
    "dead": {},
    "short": {"x_max_length": 3, "x_dead_letter_exchange": "", "x_dead_letter_routing_key": "dead"},
    "ranked": {"x_max_priority": 3, "x_dead_letter_exchange": "fan"},
    "single": {"x_single_active_consumer": True, "x_max_length": 2, "x_overflow": "reject-publish"},
}
EXCHANGES = {"direct": "direct", "fan": "fanout"}
_QUIET_ROUNDS = 2
_MOST_ROUNDS = 40

_channels = st.sampled_from((1, 2))
_queues = st.sampled_from(tuple(QUEUES))
_exchanges = st.sampled_from(tuple(EXCHANGES))
_keys = st.sampled_from(("a", "b"))
_tags = st.sampled_from(("one", "two", "three"))

_HOW = ("ack", "requeue", "reject")
# Each kind of step as often as it takes for scripts in which much happens.
_STEPS: tuple[tuple[int, st.SearchStrategy[Step]], ...] = (
    (5, st.tuples(st.just("publish"), _channels, _queues, st.integers(0, 4), st.booleans())),
    (2, st.tuples(st.just("publish_to"), _channels, _exchanges, _keys)),
    (4, st.tuples(st.just("consume"), _channels, _queues, _tags, st.booleans(), st.integers(0, 1))),
    (5, st.tuples(st.just("settle"), _channels, st.integers(0, 5), st.sampled_from(_HOW))),
    (2, st.tuples(st.just("settle_all"), _channels, st.sampled_from(_HOW))),
    (4, st.tuples(st.just("get"), _channels, _queues, st.booleans())),
    (1, st.tuples(st.just("cancel"), _channels, _tags)),
    (1, st.tuples(st.just("recover"), _channels)),
    (2, st.tuples(st.just("qos"), _channels, st.integers(0, 2), st.booleans())),
    (1, st.tuples(st.just("confirm"), st.just(1))),
    (1, st.tuples(st.just("tx"), st.just(2), st.sampled_from(("select", "commit", "rollback")))),
    (1, st.tuples(st.just("declare"), _channels, _queues)),
    (1, st.tuples(st.just("declare_exchange"), _channels, _exchanges)),
    (1, st.tuples(st.just("bind"), _channels, _queues, _exchanges, _keys)),
    (1, st.tuples(st.just("unbind"), _channels, _queues, _exchanges, _keys)),
    (1, st.tuples(st.just("purge"), _channels, _queues)),
    (1, st.tuples(st.just("delete"), _channels, _queues)),
    (1, st.tuples(st.just("delete_exchange"), _channels, _exchanges)),
    (1, st.tuples(st.just("reopen"), _channels)),
)
STEPS = st.one_of([step for weight, step in _STEPS for _ in range(weight)])

# Most scripts would else talk of queues that are not there, or are empty.
_BEGINNING: tuple[Step, ...] = (
    *(("declare", 1, queue) for queue in QUEUES),
    *(("declare_exchange", 1, exchange) for exchange in EXCHANGES),
    ("bind", 1, "plain", "fan", "a"),
    ("bind", 1, "dead", "fan", "a"),
    ("consume", 2, "dead", "undertaker", True, 0),
    ("bind", 1, "short", "direct", "b"),
    *(("publish", 1, queue, priority, False) for queue in QUEUES for priority in (1, 2, 3)),
    ("consume", 1, "short", "one", False, 0),
    ("consume", 2, "ranked", "one", False, 0),
)
SCRIPTS = st.lists(STEPS, min_size=15, max_size=40).map(lambda steps: (*_BEGINNING, *steps))


@dataclass(slots=True)
class Held:
    """A delivery to be settled."""

    tag: int
    told: str


class Player:
    """Plays a script on one broker. `observed` is what it saw."""

    def __init__(self, script: Script) -> None:
        self.observed: list[str] = []
        self._script = script
        self._symbols = Symbols(script.vhost)
        connection = script.connect()
        self._channels = {number: connection.channel(number) for number in (1, 2)}
        self._seen = dict.fromkeys(self._channels, 0)
        self._held: dict[int, list[Held]] = {number: [] for number in self._channels}
        self._in_transaction: dict[int, list[Held] | None] = dict.fromkeys(self._channels)
        self._no_ack: dict[tuple[int, str], bool] = {}
        self._queues: set[str] = set()
        self._published = 0

    def play(self, steps: Sequence[Step]) -> list[str]:
        for step in steps:
            verb, number, *values = step
            self._note(str(step))
            channel = self._channels[number]
            answer = getattr(self, f"_{verb}")(number, channel, *values)
            if isinstance(answer, Received):
                self._note(f"  {_without_tag(answer)}")
            self._wait_until_quiet()
            for each in self._channels:
                self._look_at(each)
        self._script.finish()
        return self.observed

    def _note(self, line: str) -> None:
        self.observed.append(self._symbols(line))

    # -- waiting and looking --------------------------------------------------------------

    def _wait_until_quiet(self) -> None:
        quiet = 0
        for _ in range(_MOST_ROUNDS):
            before = sum(len(channel.events) for channel in self._channels.values())
            for channel in self._channels.values():
                if channel.is_usable:
                    channel.sync(*sorted(self._queues))
            after = sum(len(channel.events) for channel in self._channels.values())
            quiet = quiet + 1 if before == after else 0
            if quiet == _QUIET_ROUNDS:
                return

    def _look_at(self, number: int) -> None:
        channel = self._channels[number]
        new, self._seen[number] = channel.events[self._seen[number] :], len(channel.events)
        for event in sorted(new, key=lambda event: (event.name, event.fields.get("consumer_tag", ""))):
            self._note(f"  {number}: {_without_tag(event)}")
        for event in new:
            if event.name == "basic.deliver" and not self._no_ack[number, event.consumer_tag]:
                self._held[number].append(Held(event.delivery_tag, _without_tag(event)))
        confirmed, channel.confirmed_tags = sorted(channel.confirmed_tags), []
        if confirmed:
            self._note(f"  {number}: {', '.join(confirmed)}")
        if not channel.is_usable:
            self._note(f"  {number}: {channel.closed_with}")
            self._renew(number, channel)

    def _renew(self, number: int, channel: Channel) -> None:
        """Open the channel again, on a new connection if the broker closed that."""
        if channel.connection.zero.is_closed or channel.connection.is_ended:
            self._note(f"  {channel.connection.zero.closed_with}")
            connection = self._script.connect()
            numbers = tuple(self._channels)
        else:
            connection, numbers = channel.connection, (number,)
        for each in numbers:
            self._channels[each] = connection.channel(each)
            self._seen[each] = 0
            self._held[each] = []
            self._in_transaction[each] = None
        self._wait_until_quiet()

    # -- verbs ----------------------------------------------------------------------------

    def _publish(self, _: int, channel: Channel, queue: str, priority: int, mandatory: bool) -> None:
        self._published += 1
        channel.publish("", queue, b"%d" % self._published, priority=priority, mandatory=mandatory)

    def _publish_to(self, _: int, channel: Channel, exchange: str, key: str) -> None:
        self._published += 1
        channel.publish(exchange, key, b"%d" % self._published, mandatory=True)

    def _declare(self, _: int, channel: Channel, queue: str) -> Received | None:
        channel.queue(queue, **QUEUES[queue])
        self._queues.add(queue)
        return channel.last

    def _declare_exchange(self, _: int, channel: Channel, exchange: str) -> None:
        channel.exchange(exchange, EXCHANGES[exchange])

    def _bind(self, _: int, channel: Channel, queue: str, exchange: str, key: str) -> None:
        channel.bind(queue, exchange, key)

    def _unbind(self, _: int, channel: Channel, queue: str, exchange: str, key: str) -> None:
        channel.unbind(queue, exchange, key)

    def _get(self, number: int, channel: Channel, queue: str, no_ack: bool) -> Received | None:
        got = channel.get(queue, no_ack=no_ack)
        if got is not None and got.name == "basic.get-ok" and not no_ack:
            self._held[number].append(Held(got.delivery_tag, f"{queue}: {_without_tag(got)}"))
        return got

    def _consume(
        self, number: int, channel: Channel, queue: str, tag: str, no_ack: bool, priority: int
    ) -> Received | None:
        self._no_ack.setdefault((number, tag), no_ack)
        answer = channel.call("basic.consume", queue, tag, no_ack=no_ack, arguments={"x-priority": priority})
        if answer is not None:
            self._no_ack[number, tag] = no_ack
        return answer

    def _cancel(self, _: int, channel: Channel, tag: str) -> None:
        channel.cancel(tag)

    def _settle(self, number: int, channel: Channel, index: int, how: str) -> None:
        held = sorted(self._held[number], key=lambda each: each.told)
        if not held:
            return
        chosen = held[index % len(held)]
        self._held[number].remove(chosen)
        _settle(channel, chosen.tag, how)
        pending = self._in_transaction[number]
        if pending is not None:
            pending.append(chosen)

    def _settle_all(self, number: int, channel: Channel, how: str) -> None:
        pending = self._in_transaction[number]
        if pending is not None:
            pending += self._held[number]
        self._held[number] = []
        _settle(channel, 0, how, multiple=True)

    def _recover(self, number: int, channel: Channel) -> Received | None:
        if self._in_transaction[number]:
            return None  # What is settled and not committed is recovered on one broker and not on the other.
        self._held[number] = []
        return channel.call("basic.recover", requeue=True)

    def _qos(self, _: int, channel: Channel, count: int, shared: bool) -> None:
        channel.qos(count, global_=shared)

    def _confirm(self, _: int, channel: Channel) -> None:
        channel.confirm()

    def _purge(self, _: int, channel: Channel, queue: str) -> Received | None:
        return channel.call("queue.purge", queue)

    def _delete(self, _: int, channel: Channel, queue: str) -> Received | None:
        self._queues.discard(queue)
        return channel.call("queue.delete", queue)

    def _delete_exchange(self, _: int, channel: Channel, exchange: str) -> None:
        channel.delete_exchange(exchange)

    def _reopen(self, number: int, channel: Channel) -> None:
        channel.close()
        self._renew(number, channel)

    def _tx(self, number: int, channel: Channel, verb: str) -> Received | None:
        answer = channel.call(f"tx.{verb}")
        pending = self._in_transaction[number]
        if answer is not None:
            if verb == "rollback":
                self._held[number] += pending or []
            if verb != "select" or pending is None:
                self._in_transaction[number] = []
        return answer


def _settle(channel: Channel, tag: int, how: str, *, multiple: bool = False) -> None:
    if how == "ack":
        channel.ack(tag, multiple=multiple)
    else:
        channel.nack(tag, requeue=how == "requeue", multiple=multiple)


def _without_tag(received: Received) -> str:
    fields = {name: value for name, value in received.fields.items() if name != "delivery_tag"}
    content = f" | {told('', received.properties).strip()} | {received.body!r}" if received.has_content else ""
    return told(received.name, fields) + content
