"""A terminal that gives single keys, and is left as it was found on every way out.

Not here: what the keys mean (`keys.py`), and what is drawn (`view.py`).
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, final

__all__ = ["Terminal", "ended_by_signals"]

_READ: Final = 1024


@final
class Terminal:
    """Waits for keys, or for `wake`. Use it as a context manager: without echo and line by line no more."""

    def __init__(self) -> None:
        self._keys = sys.stdin.fileno()
        self._wake_reads, self._wake_writes = os.pipe()
        os.set_blocking(self._wake_reads, False)
        os.set_blocking(self._wake_writes, False)
        self._former: Any = None  # set only while inside

    def __enter__(self) -> Terminal:
        import termios

        self._former = termios.tcgetattr(self._keys)
        modes = termios.tcgetattr(self._keys)
        modes[3] &= ~(termios.ICANON | termios.ECHO)
        modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
        for name in ("VSUSP", "VQUIT"):  # would leave the screen as it is; Ctrl-C ends orderly
            modes[6][getattr(termios, name)] = b"\0"
        termios.tcsetattr(self._keys, termios.TCSADRAIN, modes)
        return self

    def __exit__(self, *_: object) -> None:
        import termios

        former, self._former = self._former, None
        try:
            termios.tcsetattr(self._keys, termios.TCSANOW, former)
        except (OSError, termios.error):
            pass  # the terminal is gone
        os.close(self._wake_reads)
        self._wake_reads, closing = -1, self._wake_writes
        self._wake_writes = -1
        os.close(closing)

    def wake(self) -> None:
        """End a `wait`, from any thread or from a signal's handler."""
        try:
            os.write(self._wake_writes, b"!")
        except OSError:
            pass  # full, so it wakes anyway; or closed

    def wait(self, seconds: float) -> bytes:
        """Wait for keys, for `wake`, or `seconds`; return what was typed. Raises `EOFError` where nobody can type."""
        ready, _, _ = select.select([self._keys, self._wake_reads], [], [], seconds)
        if self._wake_reads in ready:
            os.read(self._wake_reads, _READ)
        if self._keys not in ready:
            return b""
        typed = os.read(self._keys, _READ)
        if not typed:
            raise EOFError("the terminal is gone")
        return typed


@contextmanager
def ended_by_signals(resized: Callable[[], object]) -> Iterator[None]:
    """Leave the block orderly on SIGTERM and SIGHUP too, not only on Ctrl-C; tell of a new size."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    handlers = {signal.SIGTERM: end, signal.SIGHUP: end, signal.SIGWINCH: lambda *_: resized()}
    former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
