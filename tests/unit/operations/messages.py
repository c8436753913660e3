"""Held messages as tests of operations need them: any properties, no broker.

Not here: real ones (tests/contract).
"""

from __future__ import annotations

import itertools
from typing import Any

from warren.contracts.properties import Properties
from warren.operations.lease import Held

__all__ = ["DEAD", "held"]

_TAGS = itertools.count(1)

DEAD: dict[str, Any] = {
    "x-warren-version": 1,
    "x-warren-sent-at": 1_700_000_000_000,
    "x-warren-attempt": 4,
    "x-warren-dead-reason": "exhausted",
    "x-warren-dead-error-type": "ValueError",
    "x-warren-dead-error": "bad amount\nsecond line",
    "x-warren-dead-stack": "Traceback (most recent call last):\n  …",
    "x-warren-dead-fingerprint": "ValueError@billing/handlers.py:charge",
    "x-warren-dead-first-failed-at": 1_700_000_001_000,
    "x-warren-dead-last-failed-at": 1_700_000_009_500,
    "x-warren-dead-attempts": 4,
    "x-warren-dead-exchange": "orders",
    "x-warren-dead-routing-key": "orders.created",
    "x-warren-dead-queue": "billing",
    "x-warren-dead-consumer": "charge",
    "x-warren-dead-host": "h1",
}


def held(
    body: bytes = b"{}", *, headers: dict[str, Any] | None = None, redelivered: bool = False, **properties: Any
) -> Held:
    """A message; `headers` and the other properties are its own."""
    made = Properties(headers=headers or {}, **properties)
    return Held(next(_TAGS), redelivered, "", "billing.dead", made, b"", body)
