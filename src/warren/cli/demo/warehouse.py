"""A third consumer for the dashboard's demo: it fails of every dear order, until it is repaired while somebody looks.

Not here: the two consumers whose books are kept (examples/orders).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from warren.app import Warren
from warren.config import WorkerSettings
from warren.contracts.message import Message
from warren.reliability.retry import Retry

__all__ = ["BROKEN_SECONDS", "QUEUE", "warehouse"]

QUEUE: Final = "warehouse.stock"

BROKEN_SECONDS: Final = 120.0
"""After that a replay of its dead letters succeeds."""

_DEAR_CENTS: Final = 75_000


@contextmanager
def warehouse(broker: str, contract: type[Message]) -> Iterator[None]:
    """Reserve goods for orders, in a block."""
    app = Warren("warehouse", broker=broker, store="memory://")
    repaired_at = time.monotonic() + BROKEN_SECONDS

    @app.consumer(QUEUE, contract, bind="orders.created", retry=Retry("500ms"))
    def reserve(order: Any) -> None:
        if order.total_cents > _DEAR_CENTS and time.monotonic() < repaired_at:
            _shelf(order.total_cents)

    with app, app.worker(WorkerSettings(grace=5.0)):
        yield


def _shelf(cents: int) -> None:
    raise IndexError(f"there is no shelf for goods of {cents // 100} euros")
