"""Work on threads whose latest result everybody can read at any time: one for each key.

Not here: what the work is (`dead_letters.py`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar, final

__all__ = ["Errands"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_ENOUGH: Final = 1.0  # seconds to wait for all threads at the end


@final
class Errands(Generic[K, V]):
    """Values by key, each made and replaced by a thread. The `most` that were asked for last are kept.

    Beyond `at_once` threads nothing is begun: who asks again once others are done gets a thread then.

    Threads end with the process: what one of them holds at a broker is given back when its connection is gone.
    """

    def __init__(self, name: str, *, most: int, at_once: int = 32) -> None:
        self._name = name
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[K, V] = OrderedDict()
        self._running: dict[K, threading.Thread] = {}
        self._at_once = at_once
        self._ending = threading.Event()

    def __repr__(self) -> str:
        return f"<Errands {self._name}, {len(self._values)} kept, {len(self._running)} running>"

    @property
    def is_ending(self) -> bool:
        """Whether there is no more use for any result."""
        return self._ending.is_set()

    def value(self, key: K) -> V | None:
        """Return the latest there is."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def is_running(self, key: K) -> bool:
        """Whether a thread is at work on it."""
        with self._lock:
            return key in self._running

    def put(self, key: K, value: V) -> None:
        """Replace a value; what nobody has asked for the longest, and nobody works on, is forgotten."""
        with self._lock:
            self._keep(key, value)

    def begin(self, key: K, first: V, work: Callable[[], V], failed: Callable[[Exception], V]) -> bool:
        """Have a thread work on it, unless one does or too many are at work.

        `first` stands there until the work puts something else, then what it returns, or `failed` makes of its error.
        """
        thread = threading.Thread(target=self._run, args=(key, work, failed), name=self._name, daemon=True)
        with self._lock:
            if key in self._running or len(self._running) >= self._at_once or self._ending.is_set():
                return False
            self._running[key] = thread
            self._keep(key, first)
        try:
            thread.start()
        except Exception as error:  # there are too many in this process, or no memory for another
            self._end(key, failed(error))
        return True

    def stop(self) -> None:
        """Begin nothing more, and wait a little for what is under way."""
        self._ending.set()
        with self._lock:
            threads = list(self._running.values())
        for thread in threads:
            thread.join(_ENOUGH / len(threads))

    def _run(self, key: K, work: Callable[[], V], failed: Callable[[Exception], V]) -> None:
        try:
            value = work()
        except Exception as error:
            value = failed(error)
        self._end(key, value)

    def _end(self, key: K, value: V) -> None:
        with self._lock:
            del self._running[key]
            self._keep(key, value)

    def _keep(self, key: K, value: V) -> None:
        """Under the lock."""
        self._values[key] = value
        self._values.move_to_end(key)
        idle = (each for each in list(self._values) if each not in self._running and each != key)
        while len(self._values) > self._most and (oldest := next(idle, None)) is not None:
            del self._values[oldest]
