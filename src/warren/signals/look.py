"""Looks into queues for what their messages failed of: dead letters, and the head of a queue that is redelivered.

Not here: taking messages and giving them back (`operations/lease.py`), and which failure a message names.

A look is not free: what was taken counts as redelivered, and quorum queues count it as a delivery. So a dead-letter
queue is looked into once, and again only when it has changed and some time has passed, and not at all where looks would
add up to its delivery limit, which loses its messages; and the head of a consumer's queue only where no delivery limit
could make a dead letter of what is looked at.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final, final

from warren.clock import Clock
from warren.errors import BrokerUnavailable, WarrenError
from warren.operations.lease import Lease, Rounds
from warren.operations.sweep import wait_until_back
from warren.signals.faults import count_failures, find_redelivered
from warren.signals.samples import Failure, QueueSample
from warren.signals.seen import Seen
from warren.transport.connection import Connection

__all__ = ["Looked", "Looker", "Turn", "anybody", "is_limited", "redelivers"]

DEAD_LETTERS: Final = 200  # messages of a dead-letter queue
HEAD: Final = 50  # messages at the head of a queue
HEAD_TIME: Final = 2.0  # seconds in which a message that comes again and again should be back from its consumer
AGAIN: Final = 10.0  # seconds between two looks into a dead-letter queue
HEAD_AGAIN: Final = 300.0
CLIMBS_WITHIN: Final = 60.0
MOST_A_SAMPLE: Final = 8  # looks
_NEVER_REACHED: Final = 1_000_000  # deliveries
_FIRST: Final = 100  # what a consumer gives back comes to us before that consumer has it again
_DEAD: Final = ".dead"
_ROUNDS: Final = Rounds(first=10, size=16 * 1024 * 1024)  # a look is no reason to fill the memory
_BACK_WITHIN: Final = 5.0  # seconds
_CONSUMED_WITHIN: Final = 1.0  # seconds: others consume what was given back

Turn = Callable[[str], AbstractContextManager[bool]]
"""Has a queue, by name, for oneself while within, and says whether it could."""


def anybody(_: str) -> AbstractContextManager[bool]:
    """Have no turns: a queue is free at any time."""
    return nullcontext(True)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found, by queue: in dead-letter queues, and at heads. `unknown` says where nobody could look."""

    dead: Mapping[str, tuple[Failure, ...]]
    heads: Mapping[str, tuple[Failure, ...]]
    unknown: tuple[str, ...] = ()


@dataclass(slots=True)
class _Memory:
    """The last look into a queue: when, at what, and what it found, or why it could not."""

    at: float
    seen: QueueSample
    found: tuple[Failure, ...] = ()
    problem: str = ""


@final
@dataclass(slots=True)
class Looker:
    """Looks where a look is worth it, and remembers what it found. A queue that has no `turn` for it is left alone."""

    clock: Clock
    again: float = AGAIN
    turn: Turn = anybody
    _dead: dict[str, _Memory] = field(default_factory=dict)
    _heads: dict[str, _Memory] = field(default_factory=dict)
    _former: Mapping[str, QueueSample] = field(default_factory=dict)
    _climbed: dict[str, float] = field(default_factory=dict)  # when redeliveries of a queue were last seen to climb

    def look(self, connection: Connection, seen: Seen) -> Looked:
        """Look into queues as they were seen just now. Raises `BrokerUnavailable`."""
        queues, version = seen.queues, seen.broker.version
        for name in self._worth_a_look(queues, version):
            with self.turn(name) as is_ours:
                if is_ours:
                    self._look_into(connection, queues[name])
        self._former = queues
        memories = [*self._dead.items(), *self._heads.items()]
        kept = (one for one in queues.values() if _is_dead_letter_queue(one) and _would_lose(one, version))
        return Looked(
            dead={name: memory.found for name, memory in self._dead.items() if name in queues and memory.found},
            heads={name: memory.found for name, memory in self._heads.items() if name in queues and memory.found},
            unknown=(
                *map(_kept_from, kept),
                *(memory.problem for name, memory in memories if name in queues and memory.problem),
            ),
        )

    def _worth_a_look(self, queues: Mapping[str, QueueSample], version: str | None) -> list[str]:
        now = self.clock.monotonic()
        for name in [name for name in self._dead if name in queues and not queues[name].depth]:
            del self._dead[name]  # emptied: what it held says nothing any more
        found = [
            name
            for name, sample in queues.items()
            if (_is_dead_letter_queue(sample) and not _would_lose(sample, version) and self._has_changed(sample, now))
            or (
                self._is_redelivering(sample, now)
                and _is_open(sample)
                and not is_limited(sample, version)
                and _is_due(self._heads.get(name), now, HEAD_AGAIN)
            )
        ]
        return found[:MOST_A_SAMPLE]

    def _is_redelivering(self, sample: QueueSample, now: float) -> bool:
        """Whether messages come back again and again: a restart of a consumer gives each back once."""
        former = self._former.get(sample.name)
        if former is None or sample.name.endswith(_DEAD) or not redelivers(former, sample):
            return False
        before, self._climbed[sample.name] = self._climbed.get(sample.name, -math.inf), now
        return now - before < CLIMBS_WITHIN

    def _has_changed(self, sample: QueueSample, now: float) -> bool:
        memory = self._dead.get(sample.name)
        if memory is None:
            return True
        changed = (memory.seen.depth, memory.seen.published) != (sample.depth, sample.published)
        return changed and _is_due(memory, now, self.again)

    def _look_into(self, connection: Connection, sample: QueueSample) -> None:
        is_dead = _is_dead_letter_queue(sample)
        memory = _Memory(self.clock.monotonic(), sample)
        try:
            memory.found = (_look_at_dead_letters if is_dead else _look_at_head)(connection, sample.name)
        except BrokerUnavailable:
            raise
        except WarrenError as error:  # gone meanwhile, or not ours to read
            memory.problem = f"what the messages in {sample.name} failed of: {error}"
        (self._dead if is_dead else self._heads)[sample.name] = memory


def _look_at_dead_letters(connection: Connection, queue: str) -> tuple[Failure, ...]:
    with Lease.open(connection, queue, rounds=_ROUNDS) as lease:
        depth = lease.depth()
        failures = count_failures(one for batch in lease.take(DEAD_LETTERS) for one in batch)
    within = _CONSUMED_WITHIN if lease.consumers else _BACK_WITHIN  # as it began: now it is counted itself
    with Lease.open(connection, queue) as again:
        wait_until_back(again, depth, timeout=within)  # or who has the queue next counts too few
    return failures


def _look_at_head(connection: Connection, queue: str) -> tuple[Failure, ...]:
    """Hold what waits, until the message that comes again and again comes to us.

    That one may be with its consumer at first; then it is the one that arrives after all others are held. What is
    redelivered before that may be so for another reason, such as an earlier look.
    """
    deadline = time.monotonic() + HEAD_TIME
    found: tuple[Failure, ...] = ()
    with Lease.open(connection, queue, rounds=_ROUNDS, priority=_FIRST) as lease:
        held = [one for batch in lease.take(HEAD) for one in batch]
        found = find_redelivered(held)
        while lease.taken < HEAD and time.monotonic() < deadline:
            late = find_redelivered([one for batch in lease.take(HEAD) for one in batch])
            if late:
                return late
    return found


def redelivers(former: QueueSample, sample: QueueSample) -> bool:
    """Return whether messages of a queue came again between two samples of it."""
    return former.redelivered is not None and (sample.redelivered or 0) > former.redelivered


def is_limited(sample: QueueSample, version: str | None) -> bool:
    """Return whether the queue may give up what was delivered often, a look included.

    A quorum queue does where it has a delivery limit; since RabbitMQ 4.0 it has one unless told otherwise.
    """
    if sample.type != "quorum":
        return False
    limits = _limits_of(sample)
    is_old = version is not None and version.startswith("3.")
    if limits:
        return min(limits) >= 0 or is_old  # which takes a negative limit for one that the first return exceeds
    return not is_old


def _is_open(sample: QueueSample) -> bool:
    """Return whether whoever subscribes gets messages, and gives them back: else we would wait for our turn."""
    return sample.type in ("classic", "quorum") and not sample.arguments.get("x-single-active-consumer")


def _is_dead_letter_queue(sample: QueueSample) -> bool:
    is_kept = sample.consumers or not sample.auto_delete  # else it would be deleted when the look ends
    return bool(sample.name.endswith(_DEAD) and sample.ready > 0 and sample.type != "stream" and is_kept)


def _would_lose(sample: QueueSample, version: str | None) -> bool:
    """Return whether looks into a dead-letter queue may add up to its delivery limit: it loses its messages then.

    Those that Warren declares have a limit that no look reaches. Without the management API nobody knows.
    """
    if sample.type != "quorum":
        return sample.type is None
    is_old = version is not None and version.startswith("3.")
    lowest = min(_limits_of(sample), default=None)
    if lowest is None:
        return not is_old
    if lowest < 0:
        return is_old  # which takes it for a limit that the first return exceeds; since 4.0 it means none
    return lowest < _NEVER_REACHED


def _kept_from(sample: QueueSample) -> str:
    why = "whether its delivery limit would" if sample.type is None else "its delivery limit would"
    is_known = " is not known" if sample.type is None else ""
    return f"what the messages in {sample.name} failed of: {why} lose those that are looked at often{is_known}"


def _limits_of(sample: QueueSample) -> list[int]:
    told = (sample.delivery_limit, sample.arguments.get("x-delivery-limit"), sample.settings.get("delivery-limit"))
    return [limit for limit in told if isinstance(limit, int)]


def _is_due(memory: _Memory | None, now: float, after: float) -> bool:
    return memory is None or now - memory.at >= after
