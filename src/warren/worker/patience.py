"""Waiting for a store that does not answer. An outage of the store is no message's fault, so no attempt is charged.

Not here: what is asked of the store (`claims.py`, `process.py`).
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from warren.errors import StoreUnavailable
from warren.reliability.backoff import Backoff

__all__ = ["until_answered"]

_AGAIN: Final = Backoff(base=0.1, cap=10.0)
_rng: Final = random.Random()

T = TypeVar("T")

_log = logging.getLogger("warren.worker")


def until_answered(call: Callable[[], T], *, consumer: str, given_up: threading.Event) -> T | None:
    """Call the store, with back-off, until it answers; None once `given_up` is set."""
    tries = 0
    while True:
        try:
            return call()
        except StoreUnavailable as error:
            delay = _AGAIN.delay(tries, _rng)
            tries += 1
            _log.warning("consumer %s waits for its store, next try in %.1f s: %s", consumer, delay, error)
            if given_up.wait(delay):
                return None
