"""Telemetry changes no outcome: what it raises is logged, once in a while.

Not here: the telemetry.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

__all__ = ["harmless"]

COMPLAINT_INTERVAL: Final = 60.0  # seconds

_log = logging.getLogger("warren.otel")

P = ParamSpec("P")
T = TypeVar("T")


class Complaints:
    """Logs what fails, once in a while: a sampler that always does would fill the log."""

    def __init__(self) -> None:
        self._next = 0.0  # monotonic

    def note(self) -> None:
        """Log the error being handled."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + COMPLAINT_INTERVAL
            _log.exception("tracing failed; messages go their way without (logged once a minute)")


complaints: Final = Complaints()


def harmless(call: Callable[P, T | None]) -> Callable[P, T | None]:
    """Log what a sampler, propagator or processor raises: tracing changes no outcome."""

    @functools.wraps(call)
    def guarded(*args: P.args, **options: P.kwargs) -> T | None:
        try:
            return call(*args, **options)
        except Exception:
            complaints.note()
            return None

    return guarded
