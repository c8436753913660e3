"""What was seen before: every signal of every queue over time, and from when to when a finding was there.

Not here: what is seen now (`watch.py`), and how it is drawn (`charts.py`).

For charts: `board.watch.history.of("billing.invoices")` returns a `QueueHistory` whose series all have the length of
its times; `.spells` are the findings on that time axis. For sparklines `.trends([Signal.READY, …], …)` is cheaper.
"""

from __future__ import annotations

import enum
import math
import threading
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, final

from warren.dashboard.totals import TOTAL, total_of
from warren.signals.findings import Finding
from warren.signals.report import Report
from warren.signals.results import QueueSignals

__all__ = ["History", "QueueHistory", "Signal", "Spell", "Trend"]

Trend = tuple[float | None, ...]
"""Oldest first; None where nobody could tell."""

POINTS: Final = 720
"""Of one queue: more would not be seen in a chart. Samples that come faster than this share a point."""

MOST_QUEUES: Final = 2_000
"""A queue takes at most 60 kB; of queues beyond these nothing is kept."""

MOST_SPELLS: Final = 50  # of one queue
RESUMES_WITHIN: Final = 30.0  # seconds in which a finding that comes again is the same one
_SAME_POINT: Final = 0.8  # of the time between points: timers are never exact
_ROOMY: Final = 1.5  # samples a step, at least: else some would have none
_NAN: Final = math.nan


class Signal(enum.StrEnum):
    """What is kept of a queue: counts, shares from 0 to 1, seconds, or per second."""

    READY = "ready"
    UNACKED = "unacked"
    DEPTH = "depth"
    RETRYING = "retrying"
    DEAD = "dead"
    CONSUMERS = "consumers"
    UTILISATION = "utilisation"
    OLDEST_IN_FLIGHT = "oldest_in_flight"
    PUBLISH_RATE = "publish_rate"
    DELIVER_RATE = "deliver_rate"
    ACK_RATE = "ack_rate"
    REDELIVERY_RATE = "redelivery_rate"
    LAG_P50 = "p50"
    LAG_P95 = "p95"
    LAG_P99 = "p99"
    LAG_WAIT = "wait"
    LAG_DRAIN = "drain"

    def read(self, signals: QueueSignals) -> float | None:
        """Return what a queue's signals say of it."""
        value: float | None = getattr(signals.lag if self in _LAG else signals, self.value)
        return value


_LAG: Final = frozenset({Signal.LAG_P50, Signal.LAG_P95, Signal.LAG_P99, Signal.LAG_WAIT, Signal.LAG_DRAIN})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A finding from `began` to `ended`, in seconds since the epoch; `ended` is None while it is there."""

    finding: Finding
    began: float
    ended: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class QueueHistory:
    """A queue over time, oldest first. `times` are in seconds since the epoch.

    A value is None where nobody could tell, as while the broker was away, and infinite where a queue would never drain.
    `series` has every signal; one that was never known has None only.
    """

    times: tuple[float, ...]
    series: Mapping[Signal, tuple[float | None, ...]]
    spells: tuple[Spell, ...]


@final
class History:
    """Keeps the last `seconds`, in bounded memory. Thread-safe."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._step = seconds / POINTS
        self._lock = threading.Lock()
        self._times = array("d")
        self._point_began = -math.inf  # when the newest point did: samples soon after replace it
        self._values: dict[str, dict[Signal, array[float]]] = {}  # each as long as the times, or shorter by unknowns
        self._open: dict[tuple[str | None, str], Spell] = {}
        self._closed: dict[str | None, deque[Spell]] = {}

    def __repr__(self) -> str:
        return f"<History of {len(self._values.keys() - {TOTAL})} queues, {len(self._times)} points>"

    def add(self, report: Report) -> None:
        """Take note of what is seen now."""
        with self._lock:
            at = self._point(report.time)
            for queue in report.queues:
                self._note(queue, at)
            self._note(total_of(report.queues), at)
            self._note_findings(report)
            self._forget(report.time - self._seconds)

    def miss(self, time: float) -> None:
        """Take note of a time at which nothing could be seen."""
        with self._lock:
            if self._times and time > self._times[-1]:
                self._times.append(time)
                self._point_began = -math.inf
                self._forget(time - self._seconds)

    def of(self, queue: str) -> QueueHistory:
        """Return all that is kept of a queue."""
        with self._lock:
            times = tuple(self._times)
            kept = {signal: _read(values) for signal, values in self._values.get(queue, {}).items()}
            spells = self._spells(queue)
        unknown = (None,) * len(times)
        series = {one: (kept.get(one, ()) + unknown)[: len(times)] for one in Signal}
        return QueueHistory(times=times, series=series, spells=spells)

    def trends(
        self, queues: Sequence[str], signals: Sequence[Signal], *, seconds: float, points: int
    ) -> Mapping[str, Mapping[Signal, Trend]]:
        """Return the last `seconds` of some signals in at most `points` steps, each the highest value of its time.

        `TOTAL` stands for all queues together. A queue or signal of which nothing is known has none.
        """
        with self._lock:
            steps = self._steps(seconds, points)
            return {
                queue: {
                    signal: tuple(_highest(values[start:end]) for start, end in steps)
                    for signal in signals
                    if (values := kept.get(signal)) is not None
                }
                for queue in queues
                if (kept := self._values.get(queue)) is not None
            }

    def spells(self, queue: str | None) -> tuple[Spell, ...]:
        """Return when a queue had findings, or the broker (None), oldest first."""
        with self._lock:
            return self._spells(queue)

    # -- inside, with the lock held -----------------------------------------------------------

    def _point(self, time: float) -> int:
        """Return the place of what is seen at a time, which is the last one."""
        if self._times and time < self._times[-1]:
            self._start_again()  # somebody set the clock back
        is_same = time - self._point_began < self._step * _SAME_POINT
        if self._times and (is_same or time == self._times[-1]):
            self._times[-1] = time
        else:
            self._times.append(time)
            self._point_began = time
        return len(self._times) - 1

    def _steps(self, seconds: float, points: int) -> list[tuple[int, int]]:
        """Cut the newest times into steps, from where to where; they stay where they are when a new time comes."""
        if not self._times:
            return []
        begin = bisect_left(self._times, self._times[-1] - seconds)
        span, length = self._times[-1] - self._times[begin], seconds / points
        apart = span / max(1, len(self._times) - 1 - begin)
        while 0 < apart * _ROOMY < length / 2 and span / length * 2 < points:  # little has been seen yet
            length /= 2
        last = int(self._times[-1] // length)
        first = max(int(self._times[begin] // length), last - points + 1)
        return list(pairwise(bisect_left(self._times, step * length) for step in range(first, last + 2)))

    def _start_again(self) -> None:
        self._times = array("d")
        self._values.clear()
        self._open.clear()
        self._closed.clear()

    def _note(self, queue: QueueSignals, at: int) -> None:
        kept = self._values.get(queue.queue)
        if kept is None:
            if len(self._values) >= MOST_QUEUES and queue.queue != TOTAL:
                return
            kept = self._values[queue.queue] = {}
        for signal in Signal:
            value, values = signal.read(queue), kept.get(signal)
            if values is None:
                if value is None:
                    continue
                values = kept[signal] = array("f")
            del values[at:]
            values.extend([_NAN] * (at - len(values)))
            values.append(_NAN if value is None else value)

    def _note_findings(self, report: Report) -> None:
        found = {(one.queue, str(one.id)): one for one in report.findings}
        for key in [key for key in self._open if key not in found]:
            over = replace(self._open.pop(key), ended=report.time)
            self._closed.setdefault(key[0], deque(maxlen=MOST_SPELLS)).append(over)
        for key, finding in found.items():
            spell = self._open.get(key) or self._resumed(key, report.time)
            self._open[key] = Spell(finding=finding, began=spell.began if spell else report.time)

    def _resumed(self, key: tuple[str | None, str], now: float) -> Spell | None:
        closed = self._closed.get(key[0], ())
        for spell in reversed(closed):
            if str(spell.finding.id) == key[1] and spell.ended is not None and now - spell.ended <= RESUMES_WITHIN:
                self._closed[key[0]].remove(spell)
                return spell
        return None

    def _spells(self, queue: str | None) -> tuple[Spell, ...]:
        there = [*self._closed.get(queue, ()), *(one for key, one in self._open.items() if key[0] == queue)]
        return tuple(sorted(there, key=lambda one: one.began))

    def _forget(self, before: float) -> None:
        """Let go of what is older, a tenth at a time: to move all values for one point would cost too much."""
        old = max(bisect_left(self._times, before), len(self._times) - POINTS * 2)
        if old < POINTS // 10:
            return
        del self._times[:old]
        for queue, kept in list(self._values.items()):
            for signal, values in list(kept.items()):
                del values[:old]
                if not values:
                    del kept[signal]
            if not kept:
                del self._values[queue]
        for name, closed in list(self._closed.items()):
            while closed and (closed[0].ended or 0.0) < before:
                closed.popleft()
            if not closed:
                del self._closed[name]


def _highest(values: array[float]) -> float | None:
    return max((value for value in values if value == value), default=None)


def _read(values: array[float]) -> tuple[float | None, ...]:
    return tuple(None if value != value else value for value in values)
