"""Waiting for a condition with a deadline, so that no test sleeps for a fixed time.

Not here: waiting for time itself; what depends on time takes a ManualClock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    predicate: Callable[[], T], *, timeout: float = 30.0, interval: float = 0.02, message: str | Callable[[], str] = ""
) -> T:
    """Call `predicate` until it returns something true, and return that; fail after `timeout` seconds.

    `message` says what was waited for; a callable is asked only on failure.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() > deadline:
            what = message() if callable(message) else message
            raise AssertionError(f"not within {timeout:g} s: {what or predicate!r} (last: {result!r})")
        time.sleep(interval)
