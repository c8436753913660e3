"""The application's one publisher on its event loop, and its view for one request.

Not here: publishing (`warren/async_publishing.py`), what a request adds (`context.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final, Unpack

from warren.app import Warren
from warren.async_publishing import AsyncPublisher
from warren.contracts.message import Message
from warren.integrations.fastapi.context import RequestContext
from warren.observability.tracing import UNTRACED, default_tracing
from warren.publish_core import PublishOptions, Receipt

__all__ = ["Publishers", "RequestPublisher"]

PAUSE: Final = 2.0  # seconds between two logins, where the broker refuses them


class RequestPublisher(AsyncPublisher):
    """The application's publisher, for one request: its messages take along the request's trace and id."""

    def __init__(self, shared: AsyncPublisher, context: RequestContext) -> None:
        super().__init__(shared._core)
        self._context = context

    async def submit(
        self, message: Message, *, timeout: float | None = None, **options: Unpack[PublishOptions]
    ) -> asyncio.Future[Receipt]:
        """Publish without waiting for the confirm; the future has the receipt or the error."""
        return await super().submit(message, timeout=timeout, **self._context.applied(options))

    async def close(self) -> None:
        """Do nothing: the application's publisher goes on."""


class Publishers:
    """Makes the publisher with its first use, and another one where its connection was given up, with a pause."""

    def __init__(self, app: Warren, *, timeout: float) -> None:
        self._app = app
        self._timeout = timeout
        self._shared: AsyncPublisher | None = None
        self._made_at = 0.0
        self._gave_up_because = ""
        self._turn = asyncio.Lock()

    async def shared(self) -> AsyncPublisher:
        """Return the publisher all requests share. Connects in the background; never waits for the broker."""
        async with self._turn:
            shared = self._shared
            if shared is not None and not shared.is_usable:
                self._gave_up_because = shared.not_ready_because
                if time.monotonic() - self._made_at >= PAUSE:
                    shared = None
            if shared is None:
                # On a thread: it may start an embedded broker.
                shared = self._shared = await asyncio.to_thread(self._app.async_publisher, timeout=self._timeout)
                self._made_at = time.monotonic()
            return shared

    async def not_ready_because(self) -> str:
        """Why a publish would not be confirmed now; empty where it would.

        A login that was refused is the reason until another one is allowed, and asking tries again.
        """
        shared = await self.shared()
        if shared.is_connected:
            self._gave_up_because = ""
        return self._gave_up_because or shared.not_ready_because

    async def for_request(self, headers: Mapping[str, str]) -> RequestPublisher:
        """Return the publisher for one request."""
        return RequestPublisher(await self.shared(), RequestContext.of(headers, is_traced=self._is_traced()))

    async def close(self) -> None:
        """Wait for what is unconfirmed, then close."""
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.close()
        await asyncio.to_thread(self._app.close)

    def _is_traced(self) -> bool:
        if (self._app.tracing or default_tracing()) is UNTRACED:
            return False
        try:
            from warren.observability.otel.propagation import is_in_a_trace
        except ImportError:  # traced by other means
            return True
        return is_in_a_trace()
