"""Batches that emerge from load: what has arrived since the last look, and calls to a store that count as outages.

Not here: what is asked of the store (`claims.py`, `statuses.py`), or waiting for it (`patience.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, ParamSpec, TypeVar

from warren.errors import StoreUnavailable

__all__ = ["ask", "batch"]

MAX_BATCH: Final = 512

P = ParamSpec("P")
T = TypeVar("T")


def ask(call: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call the store. Whatever else it raises counts as an outage: a thread that ended would leave its consumer deaf.

    For example tables that a newer Warren has changed since the start, or a server that may evict keys now.
    """
    try:
        return call(*args, **options)
    except StoreUnavailable:
        raise
    except Exception as error:
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error


def batch(queue: SimpleQueue[T | None]) -> list[T] | None:
    """Wait for the next item, and take with it what else is there; None at the end."""
    first = queue.get()
    if first is None:
        return None
    items = [first]
    while len(items) < MAX_BATCH and not queue.empty():
        item = queue.get()
        if item is None:
            queue.put(None)
            break
        items.append(item)
    return items
