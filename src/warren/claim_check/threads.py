"""Threads that come with work and go without it: what blocks on a store must not block what sends and receives.

Not here: what they do (`publish_core.py`, `worker/bodies.py`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from warren.errors import StoreUnavailable

__all__ = ["MOST", "ThreadsOnDemand"]

T = TypeVar("T")

MOST: Final = 8


class ThreadsOnDemand:
    """Runs calls on at most `most` daemon threads, begun in order. There is nothing to close.

    A store that hangs keeps its threads and never the process: what waits for one here may give up and `cancel`, and
    nothing is left of it then.
    """

    def __init__(self, name: str, *, most: int = MOST) -> None:
        self._name = name
        self._most = most
        self._lock = threading.Lock()
        self._waiting: OrderedDict[Future[Any], Callable[[], Any]] = OrderedDict()
        self._running = 0

    def __repr__(self) -> str:
        return f"<ThreadsOnDemand {self._name}, {self._running} running, {len(self._waiting)} waiting>"

    @property
    def is_idle(self) -> bool:
        """Whether everything taken on has been done."""
        with self._lock:
            return not self._running

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Take a call on; returns at once. Raises `StoreUnavailable` where no thread runs and none can be started."""
        future: Future[T] = Future()
        with self._lock:
            if self._running < self._most:
                self._start()
            self._waiting[future] = call
        future.add_done_callback(self._forget)
        return future

    def _start(self) -> None:
        """Start one more thread; where that fails, those that run do."""
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError as error:
            if not self._running:
                raise StoreUnavailable(f"no thread can be started that would ask the store: {error}") from error
        else:
            self._running += 1

    def _forget(self, future: Future[Any]) -> None:
        with self._lock:
            self._waiting.pop(future, None)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                future, call = self._waiting.popitem(last=False)
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
