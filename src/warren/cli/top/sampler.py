"""Takes samples on a thread of its own, so that a broker that does not answer delays no key.

Not here: what becomes of them (`command.py`).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Final, final

from warren.cli.failure import line_of
from warren.errors import BrokerUnavailable, ConfigurationError
from warren.signals.collect import Collector
from warren.signals.recent import Recent
from warren.signals.report import Report

__all__ = ["Sampler"]

_ENOUGH: Final = 1.0  # seconds to wait for the thread at the end

News = Report | str | BaseException
"""A report, in words why there is none, or a fault of ours."""


@final
class Sampler:
    """Makes a report every `interval` seconds. `on_news` is called on the thread once there is one to be taken."""

    def __init__(self, collector: Collector, recent: Recent, *, interval: float, on_news: Callable[[], object]) -> None:
        self._collector = collector
        self._recent = recent
        self._interval = interval
        self._on_news = on_news
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="warren-top-sampler", daemon=True)

    def start(self) -> None:
        """Begin, after one interval."""
        self._thread.start()

    def news(self) -> list[News]:
        """Return what came since the last call, oldest first."""
        found = []
        while not self._news.empty():
            found.append(self._news.get())
        return found

    def stop(self) -> None:
        """Take no more samples, and close the collector unless a broker that does not answer holds it."""
        self._ending.set()
        self._thread.join(_ENOUGH)
        if not self._thread.is_alive():
            self._collector.close()

    def _run(self) -> None:
        while not self._ending.wait(self._interval):
            self._news.put(self._next())
            self._on_news()

    def _next(self) -> News:
        try:
            self._recent.add(self._collector.sample())
            return Report.of(self._recent)
        except (BrokerUnavailable, ConfigurationError) as error:
            return line_of(error)
        except Exception as error:
            return error
