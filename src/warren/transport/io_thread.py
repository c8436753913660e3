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
        self._stopping = False  # set on the thread
        self._ended = False  # nothing more is accepted
        self._accepting = threading.RLock()

    @property
    def is_current(self) -> bool:
        """Whether this is called on the thread itself, which must not wait for its own work."""
        return self._thread.ident == threading.get_ident()

    def start(self) -> None:
        """Start the thread; a second call does nothing."""
        if not self._started:
            self._started = True
            self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._stopping:
            self._serve()
        self._refuse()
        self.loop.call_soon(self.loop.stop)
        while not self._serve():  # what was accepted meanwhile
            self.loop.call_soon(self.loop.stop)
        self.loop.close()

    def _serve(self) -> bool:
        """Run the loop until it is stopped; False where something exited: without its thread all others would wait."""
        try:
            self.loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            _log.exception("the I/O thread goes on")
            return False
        return True

    def _stop(self) -> None:
        self._stopping = True
        self.loop.stop()

    def _refuse(self) -> None:
        self._ended = True  # first, or a thread that posts without a pause could keep the lock for ever
        with self._accepting:
            pass  # whoever was let in before has posted by now

    def post(self, function: Callable[[], object]) -> bool:
        """Run `function` on the I/O thread soon, from any thread. False once the thread has ended: it will not run."""
        with self._accepting:
            is_accepted = not self._ended
            if is_accepted:
                self.loop.call_soon_threadsafe(function)
            return is_accepted

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
            self._refuse()
            self.loop.close()
            return
        if self.post(self._stop):
            self._thread.join(timeout)
            if self._thread.is_alive():
                _log.warning("the I/O thread did not stop within %g s", timeout)
