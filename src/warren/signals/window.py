"""A queue over the samples of a window: what it gained, what went through it, and the queues kept beside it.

Theory of operation: the broker tells totals as old as its statistics (up to 5 seconds), and its own rates lag behind
those. So every rate here is a difference of totals over the whole window, which should last some statistics intervals.

Not here: the five signals (`measure.py`), and what is wrong (`diagnosis.py`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import attrgetter
from typing import final

from warren.signals.gains import gain
from warren.signals.samples import ConsumerSample, Failure, QueueSample, Sample
from warren.signals.settings import dead_letters_to, has_message_ttl
from warren.signals.workers import gained_by_workers
from warren.topology.naming import dead_letter_queue, is_kept_beside

__all__ = ["QueueWindow", "Track", "windows"]

_PARTS = 3


@final
@dataclass(frozen=True, slots=True)
class Track:
    """One queue through the samples that have it, oldest first."""

    times: tuple[float, ...]
    samples: tuple[QueueSample, ...]

    @classmethod
    def of(cls, name: str, samples: Sequence[Sample]) -> Track:
        found = [(one.at, sample) for one in samples if (sample := one.queues.get(name)) is not None]
        return cls(tuple(at for at, _ in found), tuple(sample for _, sample in found))

    @property
    def first(self) -> QueueSample:
        return self.samples[0]

    @property
    def last(self) -> QueueSample:
        return self.samples[-1]

    @property
    def seconds(self) -> float:
        """How long it was seen."""
        return self.times[-1] - self.times[0] if self.times else 0.0

    @property
    def depths(self) -> tuple[int, ...]:
        return tuple(one.depth for one in self.samples)

    @property
    def news(self) -> frozenset[float]:
        """When something was told that is not what was told before."""
        told = zip(self.times[1:], pairwise(self.samples), strict=True)
        return frozenset(at for at, (before, now) in told if before != now)

    @property
    def growth(self) -> int:
        """How much deeper it is than it was; 0 where it was not seen twice."""
        return self.last.depth - self.first.depth if self.samples else 0

    @property
    def settled(self) -> int | None:
        """How many messages were acknowledged, or needed to be not."""
        acked, auto_acked = self.gained("acked"), self.gained("auto_acked")
        return acked if acked is None or auto_acked is None else acked + auto_acked

    @property
    def arrived(self) -> int:
        """How many messages came at least. What the broker itself dead-letters is in no total, only in the depth."""
        return max(self.gained("published") or 0, self.growth, 0)

    def gained(self, total: str) -> int | None:
        """Return by how much a total of `QueueSample` grew; None where it was not told twice."""
        known = [value for value in map(attrgetter(total), self.samples) if value is not None]
        return int(gain(known)) if len(known) > 1 else None

    def per_second(self, gained: int | None) -> float | None:
        """Return a gain as a rate."""
        return None if gained is None or self.seconds <= 0 else gained / self.seconds

    def between(self, start: float, end: float) -> Track:
        """Return its samples from `start` to `end`, both included."""
        low, high = bisect_left(self.times, start), bisect_right(self.times, end)
        return Track(self.times[low:high], self.samples[low:high])


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What of one sample concerns one queue, beside the queues: workers, and the failures found by a look.

    `head` are those at the head of the queue, `deaths` those among its dead letters; None where nobody looked.
    """

    at: float
    workers: tuple[ConsumerSample, ...]
    head: tuple[Failure, ...] | None
    deaths: tuple[Failure, ...] | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class QueueWindow:
    """A consumer's queue, which the last sample has, its retry tiers, its dead-letter queue, and what else was told.

    `names` are all queues of the virtual host, None where nobody lists them. `broker_timeout` is the broker's
    consumer_timeout, where it tells. `is_dead_letter_target` says that another queue names it as its dead-letter queue.
    """

    queue: Track
    tiers: tuple[Track, ...]
    dead: Track | None
    told: tuple[Told, ...]
    names: frozenset[str] | None
    broker_timeout: float | None
    is_dead_letter_target: bool

    @property
    def name(self) -> str:
        return self.queue.last.name

    @property
    def seconds(self) -> float:
        return self.queue.seconds

    @property
    def consumers(self) -> tuple[tuple[ConsumerSample, ...], ...]:
        """What its workers told, an entry a sample."""
        return tuple(one.workers for one in self.told)

    @property
    def redelivered(self) -> float | None:
        """How many deliveries were not the first of their message, as the broker says, else as workers do."""
        known = self.queue.gained("redelivered")
        return gained_by_workers(self.consumers, lambda one: one.redelivered) if known is None else known

    @property
    def workers(self) -> tuple[ConsumerSample, ...]:
        """What its workers told last."""
        return self.told[-1].workers if self.told else ()

    @property
    def head(self) -> tuple[Failure, ...]:
        """What was last found at the head of the queue."""
        return next((one.head for one in reversed(self.told) if one.head is not None), ())

    @property
    def deaths(self) -> tuple[Failure, ...]:
        """What was last found among its dead letters."""
        return next((one.deaths for one in reversed(self.told) if one.deaths is not None), ())

    def covering(self, seconds: float, patience: float) -> QueueWindow | None:
        """Return the newest part that covers `seconds`; all of it if shorter, but at least `patience`; else None."""
        if self.seconds < seconds:
            return self if self.seconds >= patience and self.seconds > 0 else None
        times = self.queue.times
        start = times[bisect_right(times, times[-1] - seconds) - 1]
        return self.between(start, times[-1])

    def parts(self) -> tuple[QueueWindow, ...]:
        """Return three parts that follow each other, with a sample in common; two where there are only three samples.

        What goes on shows in each of them; what happened once does not. Empty where there are too few samples. A part
        ends where the broker has just told something new, if it did about then: else it may be told nothing for a whole
        part, though something goes on.
        """
        times = self.queue.times
        count = min(_PARTS, len(times) - 1)
        if count < 2:
            return ()
        news = self.queue.news
        ends = [times[0]]
        for part in range(1, count):
            wanted, slack = times[0] + self.seconds * part / count, self.seconds / count / 2
            free = times[bisect_right(times, ends[-1]) : len(times) - count + part]
            fresh = [at for at in free if at in news and abs(at - wanted) <= slack]
            ends.append(min(fresh or free, key=lambda at: abs(at - wanted), default=ends[-1]))
        ends.append(times[-1])
        return tuple(self.between(start, end) for start, end in pairwise(ends))

    def between(self, start: float, end: float) -> QueueWindow:
        """Return what was seen from `start` to `end`, both included."""
        return replace(
            self,
            queue=self.queue.between(start, end),
            tiers=tuple(tier.between(start, end) for tier in self.tiers),
            dead=self.dead and self.dead.between(start, end),
            told=tuple(one for one in self.told if start <= one.at <= end),
        )


def windows(samples: Sequence[Sample]) -> Iterator[QueueWindow]:
    """Return every consumer's queue the last sample has, by name."""
    if not samples:
        return
    now = samples[-1].queues
    targets = {target for one in now.values() if (target := _dead_letter_queue_of(one))}
    beside: dict[str, list[str]] = {}
    for name in sorted(now):
        beside.setdefault(_belongs_to(name, now), []).append(name)
    workers = [_by_queue(sample.consumers) for sample in samples]
    for owner in sorted(beside):
        yield _window(owner, beside[owner], samples, workers, is_target=owner in targets)


_Workers = Mapping[str, tuple[ConsumerSample, ...]]


def _by_queue(consumers: Iterable[ConsumerSample]) -> _Workers:
    found: dict[str, tuple[ConsumerSample, ...]] = {}
    for one in consumers:
        found[one.queue] = (*found.get(one.queue, ()), one)
    return found


def _dead_letter_queue_of(sample: QueueSample) -> str | None:
    """Return the queue its dead letters end in. One that only delays messages, as retry tiers do, has none."""
    target = dead_letters_to(sample)
    if target is None or target.queue is None or is_kept_beside(target.queue, sample.name):
        return None
    return None if has_message_ttl(sample) and not sample.consumers else target.queue


def _belongs_to(name: str, names: Mapping[str, QueueSample]) -> str:
    """Return the queue beside which `name` is kept, or `name` itself."""
    owner = name.rpartition(".retry.")[0] or name.removesuffix(".dead")
    return owner if owner in names and is_kept_beside(owner, name) else name


def _window(
    owner: str, kept: Sequence[str], samples: Sequence[Sample], workers: Sequence[_Workers], *, is_target: bool
) -> QueueWindow:
    dead = dead_letter_queue(owner)
    return QueueWindow(
        queue=Track.of(owner, samples),
        tiers=tuple(Track.of(name, samples) for name in kept if name not in (owner, dead)),
        dead=Track.of(dead, samples) if dead in kept else None,
        told=tuple(
            Told(at=sample.at, workers=of.get(owner, ()), head=sample.heads.get(owner), deaths=sample.dead.get(dead))
            for sample, of in zip(samples, workers, strict=True)
        ),
        names=samples[-1].names,
        broker_timeout=samples[-1].broker.consumer_timeout,
        is_dead_letter_target=is_target,
    )
