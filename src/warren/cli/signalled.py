"""Until SIGTERM or Ctrl-C: how a command that serves something learns that it is to end.

Not here: `warren run`, whose second signal means more (`worker/`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["until_signalled"]


@contextmanager
def until_signalled() -> Iterator[threading.Event]:
    """Yield what SIGTERM and Ctrl-C set."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        # On another thread: this one may be inside the event's own lock, where it would wait for itself.
        threading.Thread(target=stop.set, daemon=True).start()

    former = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
