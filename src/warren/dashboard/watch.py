"""The one who asks the broker: a sample an interval, however many browsers look; a snapshot of what it says.

Not here: what is kept of it (`history.py`), and how it is shown (`pages/`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Protocol, final

from warren.clock import Clock, SystemClock
from warren.dashboard.history import History
from warren.dashboard.totals import total_of
from warren.errors import BrokerRefused, BrokerUnavailable, WarrenError
from warren.management.consumers import QueueConsumer
from warren.signals.findings import Finding
from warren.signals.recent import Recent
from warren.signals.report import Report
from warren.signals.results import QueueSignals
from warren.signals.samples import QueueSample, Sample

__all__ = ["Snapshot", "Source", "Watch", "rest"]

_ENOUGH: Final = 1.0  # seconds to wait at the end for a broker that does not answer
_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})

_log = logging.getLogger("warren.dashboard")


class Source(Protocol):
    """Takes samples: a `Collector`."""

    def sample(self, *, on_seen: Callable[[Sample], object] | None = None) -> Sample:
        """Take a sample, or raise a `WarrenError`; `on_seen` is given what is known of it before that takes long."""

    def close(self) -> None:
        """Close all connections. A later sample opens them again."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is known now. `number` grows with every news. `report` is the last there was, None before the first.

    `total` are the signals of all its queues together; `findings` its findings by queue, worst first, those of the
    broker itself by None; `queues` all queues of its sample, with retry tiers and dead-letter queues, and `subscribed`
    all consumers of the virtual host, None where the broker does not tell them. `problem` says why there is no newer
    report, empty where there is, and `problem_since` since when, in seconds since the epoch; `is_refused` says that the
    broker answers but not to us, `is_full` that the samples span the whole window.
    """

    number: int = 0
    report: Report | None = None
    total: QueueSignals | None = None
    findings: Mapping[str | None, tuple[Finding, ...]] = field(default_factory=lambda: _NOTHING, hash=False)
    queues: Mapping[str, QueueSample] = field(default_factory=lambda: _NOTHING, hash=False)
    subscribed: tuple[QueueConsumer, ...] | None = None
    problem: str = ""
    problem_since: float | None = None
    is_refused: bool = False
    is_full: bool = False


@final
class Watch:
    """Takes samples on a thread of its own. `snapshot` may be read from any thread: it is replaced, never changed."""

    def __init__(
        self, source: Source, *, interval: float, window: float, history: float, clock: Clock | None = None
    ) -> None:
        self.snapshot = Snapshot()
        self.history = History(history)
        self._source = source
        self._interval = interval
        self._recent = Recent(window)
        self._clock = clock or SystemClock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None  # set only between start and stop

    def start(self) -> None:
        """Begin, at once."""
        self._ending.clear()
        self._thread = threading.Thread(target=self._run, name="warren-dashboard-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more samples. A broker that does not answer is waited for a moment only."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(_ENOUGH)
            self._thread = None

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                began = self._clock.monotonic()
                self.look()
                self._ending.wait(rest(self._interval, self._clock.monotonic() - began))
        finally:
            self._source.close()

    def look(self) -> None:
        """Take one sample now, and make the snapshot anew."""
        try:
            is_first = self.snapshot.report is None
            sample = self._source.sample(on_seen=self._show_first if is_first else None)
            self._recent.add(sample)
            report = Report.of(self._recent)
            self.history.add(report)
        except WarrenError as error:
            self.snapshot = self._failed(str(error), is_refused=isinstance(error, BrokerRefused))
            if isinstance(error, BrokerUnavailable):
                self._source.close()  # one opened anew is there sooner than one that waits for its next try
        except Exception as error:
            _log.exception("a sample could not be taken")
            self.snapshot = self._failed(f"a fault in the dashboard: {error}", is_refused=False)
        else:
            self._show(report, sample)

    def _show_first(self, sample: Sample) -> None:
        """Show what is known at once: who has just started this waits for it."""
        recent = Recent(self._recent.seconds)
        recent.add(sample)
        self._show(Report.of(recent), sample)

    def _show(self, report: Report, sample: Sample) -> None:
        self.snapshot = Snapshot(
            number=self.snapshot.number + 1,
            report=report,
            total=total_of(report.queues),
            findings=_by_queue(report.findings),
            queues=sample.queues,
            subscribed=sample.subscribed,
            is_full=self._recent.is_full,
        )

    def _failed(self, problem: str, *, is_refused: bool) -> Snapshot:
        former, now = self.snapshot, self._clock.now()
        self.history.miss(now)
        return replace(
            former,
            number=former.number + 1,
            problem=problem,
            problem_since=former.problem_since if former.problem else now,
            is_refused=is_refused,
        )


def rest(interval: float, took: float) -> float:
    """Return how long to wait after a sample: a broker is asked once an interval, and a slow one half of the time."""
    return max(interval - took, min(took, interval))


def _by_queue(findings: tuple[Finding, ...]) -> Mapping[str | None, tuple[Finding, ...]]:
    found: dict[str | None, list[Finding]] = {}
    for one in findings:
        found.setdefault(one.queue, []).append(one)
    return {queue: tuple(those) for queue, those in found.items()}
