"""What stands before every page, asset and socket of the dashboard, and lets in only what may come in.

Not here: who that is (`access.py`). NiceGUI's own socket answers any origin; nothing reaches it but through here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final, final
from urllib.parse import parse_qs, quote, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from warren.dashboard.access import Door, Refused, Visit, Visitor, is_same_origin, refuse_host

__all__ = ["PAGE_POLICY", "Gate", "prefix_of", "visit_of", "visitor_of"]

_VISIT: Final = "warren.visit"
_SOCKETS: Final = "/_nicegui_ws/"
_OVER: Final = 4401  # a close code of our own: whoever holds the socket may look no longer
_NO_ANSWER: Final = "No response returned."  # Starlette's words
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")

PAGE_POLICY: Final = (
    # NiceGUI writes its page as an inline script, and Vue compiles its templates in the browser.
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": PAGE_POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    # Not no-referrer: with that a browser sends its own forms with the origin "null", which is refused here.
    "referrer-policy": "same-origin",
}


def prefix_of(connection: HTTPConnection) -> str:
    """Return what every address of the dashboard begins with, as the browser sees it: empty, or `/warren`."""
    forwarded = connection.headers.get("x-forwarded-prefix", "").rstrip("/")
    known = forwarded if _PREFIX.fullmatch(forwarded) else ""
    return known + str(connection.scope.get("root_path", "")).rstrip("/")


def visitor_of(connection: HTTPConnection) -> Visitor:
    """Return who was let in."""
    return visit_of(connection.scope).visitor


def visit_of(scope: Scope) -> Visit:
    """Return the visit that a request or a socket is part of."""
    visit: Visit = scope[_VISIT]
    return visit


@final
class Gate:
    """ASGI middleware. `login` answers /login and /logout, where there is a login. `public` are paths that need none.

    `owner` tells who was shown a page, by the page's id: a socket under another name may not act for it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        door: Door,
        is_local: bool,
        allowed_hosts: tuple[str, ...] = (),
        login: ASGIApp | None = None,
        public: frozenset[str] = frozenset(),
        owner: Callable[[str], Visitor | None] = lambda _: None,
    ) -> None:
        self._app = app
        self._door = door
        self._is_local = is_local
        self._allowed = tuple(host.lower() for host in allowed_hosts)
        self._login = login
        self._public = public
        self._owner = owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        _drop_forged_prefix(scope)
        connection = HTTPConnection(scope)
        tell = _guarded(send, is_asset=_is_asset(_path(scope)))
        try:
            answer = await self._decide(connection)
        except Refused as refused:
            answer = PlainTextResponse(f"{refused}\n", status_code=refused.status)
        if isinstance(answer, Response):
            return await _turn_away(answer, scope, receive, tell)
        if isinstance(answer, _Open):
            return await _unless_left(answer.app, scope, receive, tell)
        scope[_VISIT] = answer
        if scope["type"] == "websocket":
            return await _watched(self._app, answer, scope, receive, tell)
        return await _unless_left(self._app, scope, receive, tell)

    async def _decide(self, connection: HTTPConnection) -> Response | _Open | Visit:
        path, method = _path(connection.scope), connection.scope.get("method", "GET")
        if path == "/healthz":
            return PlainTextResponse("ok\n")
        self._check_source(connection, method)
        is_socket = connection.scope["type"] == "websocket"
        if is_socket and not path.startswith(_SOCKETS):
            raise Refused("there is no socket here", status=404)
        if path in ("/login", "/logout") and self._login is not None:
            return _Open(self._login)
        if path in self._public:
            return _Open(self._app)
        visit = await self._door.visit(connection)
        if visit is None:
            return self._ask_to_log_in(connection, path, method)
        pages = parse_qs(connection.url.query).get("client_id", [])
        if path.startswith(_SOCKETS) and (not is_socket or len(pages) != 1):
            raise Refused("a page has one WebSocket, and names itself when it opens it", status=400)
        self._check_owner(pages, visit.visitor)
        if path == "/visit":
            return Response(status_code=204)
        return visit

    def _check_source(self, connection: HTTPConnection, method: str) -> None:
        host = connection.headers.get("host", "")
        if reason := refuse_host(host, self._allowed, is_local=self._is_local):
            raise Refused(reason)
        origin = connection.headers.get("origin")
        if origin is not None and not is_same_origin(origin, host, self._allowed):
            raise Refused("this came from another site's page")
        site = connection.headers.get("sec-fetch-site", "none")
        if site == "same-site" and connection.scope["type"] == "websocket":
            raise Refused("this came from another site's page")
        if site in ("none", "same-origin"):
            return
        # A link may be followed from anywhere. An image or a frame is no link, and a look may cost deliveries.
        is_link = method in _SAFE and connection.headers.get("sec-fetch-dest") == "document"
        if not is_link and origin is None:
            raise Refused("this came from another site's page")

    def _check_owner(self, pages: list[str], visitor: Visitor) -> None:
        for page in pages:
            owner = self._owner(page)
            if owner is not None and owner != visitor:
                raise Refused("this page was shown to somebody else; load it again", status=409)

    def _ask_to_log_in(self, connection: HTTPConnection, path: str, method: str) -> Response:
        if self._login is None:
            todo = "log in to the service that it is part of, or ask whoever runs that"
            return PlainTextResponse(f"you may not see this dashboard: {todo}\n", status_code=403)
        if method not in _SAFE or "text/html" not in connection.headers.get("accept", ""):
            return PlainTextResponse("log in first\n", status_code=401)
        wanted = quote(path) + (f"?{connection.url.query}" if connection.url.query else "")
        if connection.headers.get("sec-fetch-site") == "cross-site":
            # Followed from another site, a link comes without our cookie, which is ours alone. Once more, from here.
            again = prefix_of(connection) + quote(wanted, safe="/?&=%:+~.,;@")
            return Response(media_type="text/html", headers={"refresh": f"0; url={again}"})
        query = f"?{urlencode({'next': wanted})}" if wanted != "/" else ""
        return RedirectResponse(f"{prefix_of(connection)}/login{query}", status_code=303)


@final
class _Open:
    """What answers without asking who it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app


def _path(scope: Scope) -> str:
    """Return the path below where the dashboard is mounted."""
    path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")).rstrip("/"))
    return path or "/"


def _is_asset(path: str) -> bool:
    return path.startswith(("/_nicegui/", "/static/"))


def _drop_forged_prefix(scope: Scope) -> None:
    """Forget a prefix that is none: NiceGUI writes it into its pages."""
    name = b"x-forwarded-prefix"
    if any(key == name and not _PREFIX.fullmatch(value.decode("latin-1")) for key, value in scope["headers"]):
        scope["headers"] = [header for header in scope["headers"] if header[0] != name]


def _guarded(send: Send, *, is_asset: bool) -> Send:
    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if not is_asset:
                headers["cache-control"] = "no-store"
        await send(message)

    return tell


async def _turn_away(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()  # the request to connect
        await send({"type": "websocket.close", "code": _OVER, "reason": ""})
    else:
        await answer(scope, receive, send)


async def _unless_left(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request. Where the browser has left meanwhile there is no answer: Starlette takes that for a fault."""
    has_left = False

    async def hear() -> Message:
        nonlocal has_left
        message = await receive()
        has_left = has_left or message["type"] == "http.disconnect"
        return message

    try:
        await app(scope, hear, send)
    except RuntimeError as error:
        if not has_left or str(error) != _NO_ANSWER:
            raise


async def _watched(app: ASGIApp, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a socket for as long as who opened it may look: what arrives later is not heard, and nothing is said."""
    end = asyncio.ensure_future(visit.ended())
    is_closed = False

    async def hear() -> Message:
        nonlocal is_closed
        heard = asyncio.ensure_future(receive())
        try:
            await asyncio.wait({heard, end}, return_when=asyncio.FIRST_COMPLETED)
            if not end.done():
                return heard.result()
        finally:
            heard.cancel()
        if not is_closed:
            is_closed = True
            await send({"type": "websocket.close", "code": _OVER, "reason": "log in again"})
        return {"type": "websocket.disconnect", "code": _OVER}

    async def tell(message: Message) -> None:
        if not (is_closed or end.done()):
            await send(message)

    try:
        await app(scope, hear, tell)
    finally:
        end.cancel()
