"""The one I/O thread of a process: an event loop (uvloop where the platform has it) that owns every socket.

Not here: user code. Handlers run elsewhere, so a slow one never costs a heartbeat.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from warren.errors import BrokerUnavailable

__all__ = ["IoThread"]

T = TypeVar("T")

_log = logging.getLogger("warren.transport")


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # a platform without it
        return asyncio.SelectorEventLoop()
    return uvloop.new_event_loop()


class IoThread:
    """Runs an event loop on a daemon thread from `start()` to `stop()`."""

    def __init__(self, name: str = "warren-io") -> None:
        self.loop = _new_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._started = False

    def start(self) -> None:
        """Start the thread; a second call does nothing."""
        if not self._started:
            self._started = True
            self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()

    def post(self, function: Callable[[], object]) -> bool:
        """Run `function` on the I/O thread soon, from any thread. False once the thread has stopped."""
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def post_later(self, delay: float, function: Callable[[], object]) -> None:
        """Run `function` on the I/O thread after `delay` seconds, from any thread."""
        self.post(lambda: self.loop.call_later(delay, function))

    def call(self, function: Callable[[], T], *, timeout: float) -> T:
        """Run `function` on the I/O thread and wait for its result, at most `timeout` seconds."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        if not self.post(run):
            raise BrokerUnavailable("the connection has been closed")
        return future.result(timeout)

    def stop(self, *, timeout: float = 5.0) -> None:
        """Stop the loop and wait for the thread."""
        if not self._started:
            self.loop.close()
            return
        if self.post(self.loop.stop):
            self._thread.join(timeout)
            if self._thread.is_alive():
                _log.warning("the I/O thread did not stop within %g s", timeout)
