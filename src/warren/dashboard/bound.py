"""Holds what a browser sends over its socket to the page that the socket is for, and to who may look at it now.

Not here: which sockets are let in (`gate.py`). NiceGUI believes whatever page's id a message names.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

from starlette.types import Scope

from warren.dashboard.access import Visit
from warren.dashboard.gate import visit_of

__all__ = ["SocketServer", "bind", "page_of"]

_TURN: Final = "warren.turn"
_TOLD: Final = ("handshake", "event", "javascript_response", "ack", "log")
_MALFORMED: Final = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)

_log = logging.getLogger("warren.dashboard")

Handler = Callable[..., Any]


class SocketServer(Protocol):
    """What is used of Socket.IO's server: what it calls for each kind of message, and where a socket came from."""

    handlers: dict[str, dict[str, Handler]]
    eio: Any

    def get_environ(self, sid: str) -> Mapping[str, Any] | None: ...


def bind(server: SocketServer) -> None:
    """Put the check in front of every handler of NiceGUI's. One that it lacks is a KeyError: nothing is let through."""
    handlers = server.handlers["/"]
    for kind in _TOLD:
        handlers[kind] = _bound(server, handlers[kind], is_act=kind == "event")
    handlers["connect"] = _quiet(handlers["connect"], otherwise=False)
    server.eio.handlers["message"] = _quiet(server.eio.handlers["message"])


def page_of(query: str) -> str:
    """Return the id of the page that a socket is for; empty where it names none, or several."""
    pages = parse_qs(query).get("client_id", [])
    return pages[0] if len(pages) == 1 else ""


def _bound(server: SocketServer, handler: Handler, *, is_act: bool) -> Callable[..., Awaitable[Any]]:
    quiet = _quiet(handler)

    async def handle(sid: str, *told: Any) -> Any:
        scope = _scope_of(server, sid)
        if scope is None or len(told) != 1 or not _is_for(scope, told[0]):
            _log.debug("a message that is not for the page of its socket was not heard")
            return None
        if not is_act:
            return await quiet(sid, told[0])
        async with scope.setdefault(_TURN, asyncio.Lock()):  # in the order they came, however long the door takes
            visit: Visit = visit_of(scope)
            return await quiet(sid, told[0]) if await visit.holds() else None

    return handle


def _scope_of(server: SocketServer, sid: str) -> Scope | None:
    try:
        environ = server.get_environ(sid)
    except KeyError:  # it was closed meanwhile
        return None
    return None if environ is None else environ["asgi.scope"]


def _is_for(scope: Scope, told: Any) -> bool:
    page = page_of(scope.get("query_string", b"").decode("latin-1"))
    return isinstance(told, dict) and bool(page) and told.get("client_id") == page


def _quiet(handler: Handler, *, otherwise: Any = None) -> Callable[..., Awaitable[Any]]:
    """Drop what is malformed: else each were a traceback in the log. What acts themselves raise does not come here."""

    async def handle(*told: Any) -> Any:
        try:
            answer = handler(*told)
            return await answer if inspect.isawaitable(answer) else answer
        except _MALFORMED as error:
            _log.debug("a malformed message of a browser was not heard: %r", error)
            return otherwise

    return handle
