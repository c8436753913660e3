"""Liveness and readiness of the web service, for orchestrators and load balancers.

Not here: the health of `warren run` (`warren/worker/health.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse

__all__ = ["Check", "health_router"]

Check = Callable[[], Awaitable[str]]
"""Tells why something is not as it should be; empty where it is."""

OK: Final = "ok"
UNAVAILABLE: Final = "unavailable"

_log = logging.getLogger("warren.fastapi")


class Checks:
    """Checks that are asked together. Their reasons go to the log, once a change: anybody may read the answers."""

    def __init__(self, name: str, checks: dict[str, Check]) -> None:
        self._name = name
        self._checks = checks
        self._reasons: dict[str, str] = {}

    async def answer(self) -> JSONResponse:
        """Ask all: 200 where all is well, 503 where not."""
        reasons = {name: await check() for name, check in self._checks.items()}
        self._tell(reasons)
        is_well = not any(reasons.values())
        body = {
            "status": OK if is_well else UNAVAILABLE,
            "checks": {name: UNAVAILABLE if why else OK for name, why in reasons.items()},
        }
        return JSONResponse(body, 200 if is_well else 503, {"Cache-Control": "no-store"})

    def _tell(self, reasons: dict[str, str]) -> None:
        for name, why in reasons.items():
            if why == self._reasons.get(name, ""):
                continue
            if why:
                _log.warning("not %s: %s: %s", self._name, name, why)
            else:
                _log.info("%s again: %s", self._name, name)
        self._reasons = reasons


def health_router(prefix: str, *, live: dict[str, Check], ready: dict[str, Check]) -> APIRouter:
    """Return the routes: 200 where all is well, 503 where not, and which check is not well."""
    liveness, readiness = Checks("live", live), Checks("ready", ready)
    router = APIRouter(prefix=prefix, tags=["health"])

    @router.get("/live", name="warren_live", summary="Whether this process works; if not, replace it")
    async def answer_live() -> JSONResponse:
        return await liveness.answer()

    @router.get("/ready", name="warren_ready", summary="Whether requests that publish can succeed now")
    async def answer_ready() -> JSONResponse:
        return await readiness.answer()

    return router
