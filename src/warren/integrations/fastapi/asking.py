"""The store, asked from an event loop: by a few threads of its own, and every answer within a deadline.

Not here: what it is asked (`work.py`, `health.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from warren.claim_check.threads import ThreadsOnDemand
from warren.errors import StoreUnavailable
from warren.reliability.stores.open import Store

__all__ = ["AsyncStore"]

_log = logging.getLogger("warren.fastapi")

T = TypeVar("T")


class AsyncStore:
    """Opens the store with its first use. `timeout` is in seconds."""

    def __init__(self, open_store: Callable[[], Store], *, timeout: float) -> None:
        self._open_store = open_store
        self._timeout = timeout
        self._store: Store | None = None
        # Apart from those of `def` endpoints: a store that hangs must not cost these.
        self._threads = ThreadsOnDemand("warren-store")
        self._opening = asyncio.Lock()

    async def ask(self, call: Callable[[Store], T]) -> T:
        """Return what the store answers. Raises `StoreUnavailable`, also where it does not answer in time.

        What was asked too late may still take effect.
        """
        try:
            async with asyncio.timeout(self._timeout):
                store = await self._opened()
                return await asyncio.wrap_future(self._threads.submit(partial(call, store)))
        except TimeoutError:
            raise StoreUnavailable(f"the store did not answer within {self._timeout:g} s") from None

    async def _opened(self) -> Store:
        async with self._opening:
            if self._store is None:
                self._store = await asyncio.wrap_future(self._threads.submit(self._open_store))
            return self._store

    async def close(self) -> None:
        """Let go of the store. A call that hangs is left to itself."""
        store, self._store = self._store, None
        if store is None:
            return
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.wrap_future(self._threads.submit(store.close))
        except TimeoutError:
            _log.warning("the store did not close within %g s; it is left to itself", self._timeout)
