"""Who may see the dashboard: whoever has logged in, whom the application vouches for, or whoever is on this machine.

Not here: logins that last (`sessions.py`), and holding every request to it (`gate.py`).
"""

from __future__ import annotations

import asyncio
import getpass
import inspect
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from warren.dashboard.sessions import Session, Sessions
from warren.doctor.checks.security import is_loopback

__all__ = [
    "Authorize",
    "Door",
    "LocalDoor",
    "LoginDoor",
    "Refused",
    "Visit",
    "Visitor",
    "VouchedDoor",
    "is_same_origin",
    "refuse_host",
]

ASK_AGAIN: Final = 10.0
"""Seconds after which an application is asked again whether who holds a page open may still see it."""

_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_log = logging.getLogger("warren.dashboard")


@final
@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks: the name that the audit log has, and whether this one may change what the dashboard lets be changed.

    `is_logged_in` where the dashboard itself asked who it is, and can be told to forget it.
    """

    name: str
    may_change: bool = True
    is_logged_in: bool = False


Answer = str | Visitor | None
Authorize = Callable[[HTTPConnection], Answer | Awaitable[Answer]]
"""Tells who sends a request, opens a socket or clicks: a name, a `Visitor`, or None for somebody who may not look."""


class Refused(Exception):
    """Somebody may not come in, and is told why. Never leaves this package."""

    def __init__(self, reason: str, *, status: int = 403) -> None:
        super().__init__(reason)
        self.status = status


class Visit(Protocol):
    """Somebody who was let in."""

    @property
    def visitor(self) -> Visitor: ...

    async def holds(self) -> bool:
        """Tell whether this one may still look, as the same visitor."""
        ...

    async def ended(self) -> None:
        """Return when this one may look no longer."""
        ...


class Door(Protocol):
    """Knows who may come in."""

    async def visit(self, connection: HTTPConnection) -> Visit | None:
        """Return who comes, None for somebody unknown. Raises `Refused` for one who cannot be let in at all."""
        ...


# -- whoever is on this machine -----------------------------------------------------------------


@final
class LocalDoor:
    """Lets in whoever is on this machine, all by the name of who runs the dashboard: nobody asks who they are."""

    def __init__(self) -> None:
        self._visit = _Local(Visitor(_whoever_runs_this()))

    async def visit(self, connection: HTTPConnection) -> Visit:
        client = connection.client
        if client is None or not is_loopback(client.host) or any(name in connection.headers for name in _FORWARDED):
            raise Refused("without a login the dashboard is for this machine alone: give it a user and a password")
        return self._visit


@dataclass(frozen=True, slots=True)
class _Local:
    visitor: Visitor

    async def holds(self) -> bool:
        return True

    async def ended(self) -> None:
        await asyncio.Event().wait()


def _whoever_runs_this() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        user = "somebody"
    return f"{user}@{socket.gethostname()} (no login)"


# -- who has logged in ----------------------------------------------------------------------------


@final
class LoginDoor:
    """Lets in who has logged in."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def visit(self, connection: HTTPConnection) -> Visit | None:
        session = self._sessions.find(connection.cookies.get(cookie_name(connection), ""))
        return None if session is None else _LoggedIn(session)


@dataclass(frozen=True, slots=True)
class _LoggedIn:
    session: Session

    @property
    def visitor(self) -> Visitor:
        return Visitor(self.session.user, is_logged_in=True)

    async def holds(self) -> bool:
        return not self.session.is_over

    async def ended(self) -> None:
        await self.session.ended()


def cookie_name(connection: HTTPConnection) -> str:
    """Return the name of the session's cookie: cookies know hosts, not ports, and a machine may have two dashboards."""
    server = connection.scope.get("server")
    return f"warren_{server[1] if server else 0}"


# -- whom the application vouches for -----------------------------------------------------------------


@final
class VouchedDoor:
    """Lets in whom the application vouches for that the dashboard is part of."""

    def __init__(self, authorize: Authorize) -> None:
        self._authorize = authorize

    async def visit(self, connection: HTTPConnection) -> Visit | None:
        visitor = await self.ask(connection)
        return None if visitor is None else _Vouched(visitor, self, connection)

    async def ask(self, connection: HTTPConnection) -> Visitor | None:
        """Ask who it is. An application that fails vouches for nobody."""
        try:
            answer = self._authorize(connection)
            if inspect.isawaitable(answer):
                answer = await answer
        except Exception:
            _log.exception("it could not be told who asks for the dashboard")
            return None
        return Visitor(answer) if isinstance(answer, str) and answer else answer or None


@dataclass(frozen=True, slots=True)
class _Vouched:
    visitor: Visitor
    door: VouchedDoor
    connection: HTTPConnection

    async def holds(self) -> bool:
        return await self.door.ask(self.connection) == self.visitor

    async def ended(self) -> None:
        while await self.holds():
            await asyncio.sleep(ASK_AGAIN)


# -- by which name, and from which page -----------------------------------------------------------------


def refuse_host(host: str, allowed: tuple[str, ...], *, is_local: bool) -> str:
    """Say why the dashboard does not answer to a name, empty where it does.

    Without a login a page on the web could have a name of its own lead to this machine (DNS rebinding), and read.
    """
    name = _name_of(host)
    if is_loopback(name) or name in allowed or not (is_local or allowed):
        return ""
    return f"the dashboard does not answer to the name {name!r}; whoever runs it can allow that name"


def is_same_origin(origin: str, host: str, allowed: tuple[str, ...]) -> bool:
    """Whether a page of `origin` is one of ours: a browser says so of each request that could do harm.

    Schemes are not compared: a proxy may end TLS. `null`, which stands for a page without an origin, never is ours.
    """
    try:
        parts = urlsplit(origin)
        name, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not name or parts.scheme not in _DEFAULT_PORTS:
        return False
    is_port_ours = port in (None, _DEFAULT_PORTS[parts.scheme]) or f":{port}" == host[host.rfind(":") :]
    return (name in allowed and is_port_ours) or _without_default_port(parts.netloc) == _without_default_port(host)


def _without_default_port(netloc: str) -> str:
    return netloc.lower().removesuffix(":80").removesuffix(":443")


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
