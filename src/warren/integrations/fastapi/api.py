"""The facade: one object that ties an application's messaging to its web service.

Not here: any rule of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Unpack

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection

from warren.app import Warren
from warren.async_publishing import AsyncPublisher
from warren.contracts.message import Message
from warren.errors import ConfigurationError, StoreUnavailable
from warren.integrations.fastapi.asking import AsyncStore
from warren.integrations.fastapi.health import Check, health_router
from warren.integrations.fastapi.in_process import InProcessWorker
from warren.integrations.fastapi.problems import answer_errors
from warren.integrations.fastapi.publishers import Publishers
from warren.integrations.fastapi.work import AcceptOptions, Offloading, refuse_short
from warren.topology import parse_duration
from warren.topology.duration import Duration

__all__ = ["WarrenAPI"]

STORE_TIMEOUT: Final = 5.0
MARGIN: Final = 5.0  # seconds a lease outlasts the deadlines of what it covers

_log = logging.getLogger("warren.fastapi")


class WarrenAPI:
    """Publishing, offloading and health for a FastAPI application.

    `publish_timeout` is in seconds (default 5: well below the time-outs of proxies), `retry_after` is what a 503 says,
    in whole seconds. The status of offloaded work is `kept` for so long after its last change (default seven days), and
    must be at least as long as the idempotency windows of the application's consumers. `run_worker` runs these in this
    process too (default: `warren run` runs them elsewhere).
    """

    def __init__(
        self,
        app: Warren,
        *,
        publish_timeout: float = 5.0,
        retry_after: int = 5,
        kept: Duration = "7d",
        run_worker: bool = False,
    ) -> None:
        if not 0 < publish_timeout < 3_600 or retry_after < 1:
            raise ConfigurationError("publish_timeout and retry_after must be more than 0 seconds")
        kept_seconds = int(parse_duration(kept))
        if kept_seconds < 1:
            raise ConfigurationError("kept must be at least one second")
        self._app = app
        self._kept = kept_seconds
        self._retry_after = retry_after
        self._publishers = Publishers(app, timeout=publish_timeout)
        self._store = AsyncStore(app.open_store, timeout=STORE_TIMEOUT)
        self._offloading = Offloading(
            app.name,
            self._store,
            self._publishers,
            kept=kept_seconds,
            lease=publish_timeout + STORE_TIMEOUT + MARGIN,
        )
        self._worker = InProcessWorker(app) if run_worker else None
        self._keeps_statuses = False
        self._starting: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<WarrenAPI of {self._app!r}>"

    # -- wiring -----------------------------------------------------------------------------

    @asynccontextmanager
    async def lifespan(self, _api: Any = None) -> AsyncIterator[None]:
        """Connect when the service starts, close when it ends: `FastAPI(lifespan=messaging.lifespan)`.

        The start does not wait for the broker: readiness does. Inside a lifespan of your own, enter it with
        `async with messaging.lifespan(api):`. The end waits for what is unconfirmed, and for the consumers' grace time.
        """
        if self._keeps_statuses:
            refuse_short(self._kept, self._app.consumers)
        await self._publishers.shared()
        if self._worker is not None:
            await asyncio.to_thread(self._worker.start)
        if self._keeps_statuses:
            self._starting = asyncio.create_task(self._prepare())
        try:
            yield
        finally:
            await self._close()

    def install(self, api: FastAPI, *, work: str | None = "/work", health: str | None = "/health") -> None:
        """Add the answers to Warren's errors, the status resource below `work`, and liveness and readiness.

        None leaves the routes out; add `work_router()` or `health_router()` where they need dependencies of yours.
        """
        answer_errors(api, retry_after=self._retry_after)
        if work is not None:
            api.include_router(self.work_router(work))
        if health is not None:
            api.include_router(self.health_router(health))

    def work_router(self, prefix: str = "/work") -> APIRouter:
        """Return the status resource of offloaded work: `GET /work/{id}`."""
        self._keeps_statuses = True
        return self._offloading.router(prefix)

    def health_router(self, prefix: str = "/health") -> APIRouter:
        """Return `GET /health/live` and `GET /health/ready`."""
        ready: dict[str, Check] = {"broker": self._broker_reason}
        live: dict[str, Check] = {}
        if self._worker is not None:
            live["consumers"] = self._worker_end
            ready["consumers"] = self._worker_reason
        if self._keeps_statuses:
            ready["store"] = self._store_reason
        return health_router(prefix, live=live, ready=ready)

    # -- in endpoints -----------------------------------------------------------------------

    async def publisher(self, connection: HTTPConnection) -> AsyncPublisher:
        """Return the publisher for a request: `Annotated[AsyncPublisher, Depends(messaging.publisher)]`.

        What it publishes takes along the request's trace context, and its X-Request-ID as correlation id.
        """
        return await self._publishers.for_request(connection.headers)

    async def accept(
        self,
        message: Message,
        request: Request,
        *,
        consumer: str = "",
        scope: str = "",
        **options: Unpack[AcceptOptions],
    ) -> JSONResponse:
        """Publish a message as work to be done elsewhere; return the answer 202 with its status resource.

        Where the message reaches several queues, name the `consumer` whose work it is. A request with an
        Idempotency-Key is accepted once: the same one again gets the same answer. `scope` tells clients apart whose
        keys must not meet, for example the user's id; without it the request's Authorization and Cookie headers do.
        Raises as `AsyncPublisher.publish`, though `Indeterminate` where the broker refused the message, and
        `StoreUnavailable`; nothing is left half done.
        """
        refuse_short(self._kept, self._app.consumers)
        return await self._offloading.accept(message, request, consumer=consumer, scope=scope, **options)

    # -- start and end ----------------------------------------------------------------------

    async def _prepare(self) -> None:
        try:
            await self._store.ask(lambda store: store.prepare())
        except (StoreUnavailable, ConfigurationError) as error:
            _log.warning("the store of statuses is not ready: %s", error)

    async def _close(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        await self._offloading.close()
        if self._worker is not None:
            await asyncio.to_thread(self._worker.stop)
        await self._publishers.close()
        await self._store.close()

    # -- health -----------------------------------------------------------------------------

    async def _broker_reason(self) -> str:
        return await self._publishers.not_ready_because()

    async def _store_reason(self) -> str:
        try:
            await self._store.ask(lambda store: store.status(""))
        except (StoreUnavailable, ConfigurationError) as error:
            return str(error)
        return ""

    async def _worker_reason(self) -> str:
        return "" if self._worker is None else self._worker.reason

    async def _worker_end(self) -> str:
        return "" if self._worker is None or self._worker.is_alive else "the consumers have ended"
