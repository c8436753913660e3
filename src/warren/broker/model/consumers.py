"""The consumers of one queue: whose turn it is, who is parked, and who is the single active one.

Not here: handing over entries (`queue.py`), nor delivery tags (`channel.py`).

A consumer is in one of three states:

    active    in the rota: it gets entries in turn
    parked    out of the rota, because it was not able when its turn came; `wake` brings it back
    waiting   not the single active consumer of its queue

With x-single-active-consumer one is active, and the others wait: when it goes, the one with the highest priority that
came first takes over. In a quorum queue one with a higher priority also takes over from one that stays, as soon as that
has nothing unacked; until then nobody gets anything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from warren.broker.model.argument_values import check_integer
from warren.broker.model.queue_settings import Kind, QueueSettings
from warren.broker.replies import precondition_failed

if TYPE_CHECKING:
    from warren.broker.model.channel import Channel
    from warren.broker.model.queue import Queue

__all__ = ["Consumer", "Consumers", "SingleActive", "check_priority", "consumers_for"]


_PARKED: Final = count(1)


class Consumer:
    """One subscription of a channel to a queue."""

    __slots__ = (
        "active",
        "arguments",
        "channel",
        "deliver_prefix",
        "exclusive",
        "no_ack",
        "parked",
        "parked_at",
        "prefetch",
        "priority",
        "queue",
        "tag",
        "unacked",
    )

    def __init__(
        self,
        tag: str,
        channel: Channel,
        queue: Queue,
        *,
        no_ack: bool = False,
        exclusive: bool = False,
        prefetch: int = 0,
        arguments: dict[str, Any] | None = None,
        deliver_prefix: bytes = b"",
    ) -> None:
        self.tag = tag
        self.channel = channel
        self.queue = queue
        self.no_ack = no_ack
        self.exclusive = exclusive
        self.prefetch = prefetch  # 0: no limit
        self.arguments = arguments or {}
        priority = self.arguments.get("x-priority", 0)
        self.priority = priority if isinstance(priority, int) else 0  # add_consumer refuses what is no integer
        self.deliver_prefix = deliver_prefix  # the start of a basic.deliver to it
        self.unacked = 0
        self.active = False  # not waiting behind a single active consumer
        self.parked = False
        self.parked_at = 0  # grows from one to the next that is parked

    def __repr__(self) -> str:
        state = "parked" if self.parked else "active" if self.active else "waiting"
        return f"<Consumer {self.tag!r} of {self.queue.name!r} {state}, {self.unacked} unacked>"

    def is_able(self) -> bool:
        """Whether it may be sent one more entry now."""
        channel = self.channel
        if channel.sink.is_full:
            return False
        limit = channel.prefetch_count_global
        if limit and channel.unacked_global >= limit:
            return False  # without acks too, although what it gets does not count
        return self.no_ack or not self.prefetch or self.unacked < self.prefetch

    def has_room(self) -> None:
        """Hear that an entry was settled: with global=true there is room for all consumers of the channel.

        Queues share it because the queue of the next consumer looks first; consumers of one queue, because they look
        in the order in which they were parked, as in RabbitMQ.
        """
        if self.channel.prefetch_count_global:
            consumers = list(self.channel.consumers.values())
            own = next((index for index, consumer in enumerate(consumers, 1) if consumer is self), 0)
            queues = dict.fromkeys(consumer.queue for consumer in consumers[own:] + consumers[:own])
            rank = {queue: place for place, queue in enumerate(queues)}
            for consumer in sorted(consumers, key=lambda consumer: (rank[consumer.queue], consumer.parked_at)):
                consumer.wake()
        self.wake()

    def wake(self) -> None:
        """Look again whether it is able: its prefetch grew, or its connection is no longer congested."""
        if self.parked:
            self.queue.readmit(self)


def check_priority(consumer: Consumer) -> None:
    """Raise 406 unless x-priority is an integer, if it is there."""
    if "x-priority" in consumer.arguments and (wrong := check_integer(consumer.arguments["x-priority"])):
        queue = consumer.queue
        raise precondition_failed(
            f"invalid arg 'x-priority' for queue '{queue.name}' in vhost '{queue.vhost.name}': {wrong}"
        )


class Consumers:
    """All consumers of one queue, and the rota of those that take turns: round robin within a priority."""

    __slots__ = ("_all", "_levels")

    def __init__(self) -> None:
        self._all: dict[Consumer, None] = {}  # in order of arrival
        self._levels: list[tuple[int, OrderedDict[Consumer, None]]] = []  # highest priority first

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Consumer]:
        return iter(self._all)

    def is_in_exclusive_use(self, newcomer: Consumer) -> bool:
        """Whether one of them or the newcomer wants to be alone, and is not."""
        first = next(iter(self._all), None)
        return first is not None and (first.exclusive or newcomer.exclusive)

    def take(self) -> Consumer | None:
        """Return whose turn it is, and put it behind its peers; park those that are not able."""
        for _, level in self._levels:
            while level:
                consumer = next(iter(level))
                if consumer.is_able():
                    if len(level) > 1:
                        level.move_to_end(consumer)
                    return consumer
                del level[consumer]
                consumer.parked = True
                consumer.parked_at = next(_PARKED)
        return None

    def add(self, consumer: Consumer) -> None:
        self._all[consumer] = None
        self._activate(consumer)

    def remove(self, consumer: Consumer) -> None:
        self._all.pop(consumer, None)
        self._retire(consumer)

    def readmit(self, consumer: Consumer) -> None:
        """Let one that was parked take turns again."""
        self._activate(consumer)

    def _activate(self, consumer: Consumer) -> None:
        consumer.active = True
        consumer.parked = False
        self._level(consumer.priority)[consumer] = None

    def _retire(self, consumer: Consumer) -> None:
        consumer.active = consumer.parked = False
        for index, (priority, level) in enumerate(self._levels):
            if priority == consumer.priority:
                level.pop(consumer, None)
                if not level:
                    del self._levels[index]
                break

    def _level(self, priority: int) -> OrderedDict[Consumer, None]:
        index = 0
        for known, level in self._levels:
            if known == priority:
                return level
            if known < priority:
                break
            index += 1
        level = OrderedDict()
        self._levels.insert(index, (priority, level))
        return level


class SingleActive(Consumers):
    """The consumers of a queue with x-single-active-consumer. The rota is the one that is active."""

    __slots__ = ("_active", "_is_leaving", "_preempts")

    def __init__(self, *, preempts: bool) -> None:
        super().__init__()
        self._active: Consumer | None = None
        self._is_leaving = False  # the active one makes room for another as soon as it has nothing unacked
        self._preempts = preempts

    @property
    def active(self) -> Consumer | None:
        return self._active

    def is_in_exclusive_use(self, newcomer: Consumer) -> bool:
        return newcomer.exclusive  # even where there is none yet

    def add(self, consumer: Consumer) -> None:
        self._all[consumer] = None
        active = self._active
        if active is None:
            self._appoint(consumer)
        elif self._preempts and consumer.priority > active.priority:
            self._retire(active)
            active.active = active.parked = True  # so that it is readmitted, or not, when it settles something
            self._is_leaving = True
            self.readmit(active)

    def remove(self, consumer: Consumer) -> None:
        super().remove(consumer)
        if consumer is self._active:
            self._appoint_best()

    def readmit(self, consumer: Consumer) -> None:
        if not self._is_leaving:
            super().readmit(consumer)
        elif not consumer.unacked:
            self._retire(consumer)
            self._appoint_best()

    def _appoint_best(self) -> None:
        self._is_leaving = False
        self._active = None
        if self._all:
            self._appoint(max(self._all, key=lambda consumer: consumer.priority))  # the first of them

    def _appoint(self, consumer: Consumer) -> None:
        self._active = consumer
        self._activate(consumer)


def consumers_for(kind: Kind, settings: QueueSettings) -> Consumers:
    """Return where a new queue keeps its consumers."""
    return SingleActive(preempts=kind is Kind.QUORUM) if settings.single_active else Consumers()
