"""The pages to log in and out with: plain forms, which need no script.

Not here: which logins last (`sessions.py`).
"""

from __future__ import annotations

import logging
import math
from typing import Final, final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from warren import __version__
from warren.dashboard.access import cookie_name
from warren.dashboard.fragment import render
from warren.dashboard.gate import prefix_of
from warren.dashboard.sessions import Pauses, Sessions, is_password

__all__ = ["Login"]

MOST_FORM: Final = 16_384  # bytes
_USUAL: Final = "warren"

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; script-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_log = logging.getLogger("warren.dashboard")


@final
class Login:
    """An ASGI application for /login and /logout. The gate has seen to it that a form came from our own page."""

    def __init__(self, sessions: Sessions, *, user: str, password: str, lifetime: float) -> None:
        self._sessions = sessions
        self._right = (user, password)
        self._usual = user if user == _USUAL else ""  # any other name is for those who know it
        self._lifetime = lifetime
        self._pauses = Pauses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await (await self._answer(Request(scope, receive)))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        is_login = request.url.path.endswith("/login")
        if request.method == "POST":
            return await self._log_in(request) if is_login else self._log_out(request)
        if not is_login:
            return RedirectResponse(prefix_of(request) or "/", status_code=303)
        return _page(request, wanted=_local(request.query_params.get("next", "/")), user=self._usual)

    async def _log_in(self, request: Request) -> Response:
        fields = await _fields(request)
        if fields is None:
            return PlainTextResponse("that is no login\n", status_code=413)
        wanted, address = _local(fields.get("next", "/")), request.client.host if request.client else ""
        if left := self._pauses.left(address):
            return _paused(request, wanted, left)
        user = fields.get("user", "")
        if not is_password(user, fields.get("password", ""), of=self._right):
            self._pauses.failed(address)
            _log.warning("a login from %s failed", address)
            return _page(request, wanted=wanted, problem="User or password is wrong.", user=user, status=401)
        self._pauses.forget(address)
        self._sessions.close(_cookie_of(request))
        _log.info("%s logged in from %s", user, address)
        response = RedirectResponse(prefix_of(request) + wanted, status_code=303)
        self._set_cookie(request, response, self._sessions.open(user), lifetime=int(self._lifetime))
        return response

    def _log_out(self, request: Request) -> Response:
        self._sessions.close(_cookie_of(request))
        response = RedirectResponse(f"{prefix_of(request)}/login", status_code=303)
        self._set_cookie(request, response, "", lifetime=0)
        return response

    def _set_cookie(self, request: Request, response: Response, value: str, *, lifetime: int) -> None:
        response.set_cookie(
            cookie_name(request),
            value,
            max_age=lifetime,
            path=prefix_of(request) or "/",
            # Whoever forges the header hides a cookie from themselves alone.
            secure="https" in (request.url.scheme, request.headers.get("x-forwarded-proto")),
            httponly=True,
            samesite="strict",
        )


def _cookie_of(request: Request) -> str:
    return request.cookies.get(cookie_name(request), "")


def _page(request: Request, *, wanted: str, problem: str = "", user: str = "", status: int = 200) -> Response:
    html = render(
        "login.html", prefix=prefix_of(request), version=__version__, wanted=wanted, problem=problem, user=user
    )
    return HTMLResponse(html, status_code=status, headers={"content-security-policy": _POLICY})


def _paused(request: Request, wanted: str, left: float) -> Response:
    seconds = math.ceil(left)
    problem = f"Too many attempts failed. Try again in {seconds} s."
    response = _page(request, wanted=wanted, problem=problem, status=429)
    response.headers["retry-after"] = str(seconds)
    return response


async def _fields(request: Request) -> dict[str, str] | None:
    """Read a form; None for one that is too long or no text."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_FORM:
            return None
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return None
    return {name: values[-1] for name, values in fields.items()}


def _local(wanted: str) -> str:
    """Return a path of the dashboard's own; its start for what would lead anywhere else."""
    is_own = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_own else "/"
