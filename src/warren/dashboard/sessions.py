"""Logins that last: sessions in memory behind signed cookies, and the pause after failed attempts.

Not here: who needs a login (`access.py`), and its page (`login.py`).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
from collections import OrderedDict
from typing import Final, final

from itsdangerous import BadSignature, Signer

from warren.clock import Clock, SystemClock

__all__ = ["Pauses", "Session", "Sessions", "is_password"]

MOST_SESSIONS: Final = 1_000
MOST_ADDRESSES: Final = 10_000

FREE_FAILURES: Final = 3
"""How often one may mistype in a row before there is a pause."""

LONGEST_PAUSE: Final = 60.0

MOST_FAILURES: Final = 60
"""How many failures there may be from all addresses together; one more for each second that passes."""

LONGEST_ALL: Final = 5.0
"""Seconds that a guesser with many addresses can have everybody wait who is new."""


def is_password(user: str, password: str, *, of: tuple[str, str]) -> bool:
    """Whether a login is the one that was set up, in a time that tells nothing of where it differs."""
    is_user = hmac.compare_digest(_digest(user), _digest(of[0]))
    return hmac.compare_digest(_digest(password), _digest(of[1])) and is_user


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


@final
class Session:
    """One login, until it is closed or too old. Use it on the event loop only."""

    def __init__(self, key: str, user: str, until: float, clock: Clock) -> None:
        self.key = key
        self.user = user
        self._until = until
        self._clock = clock
        self._closed = asyncio.Event()

    @property
    def is_over(self) -> bool:
        return self._closed.is_set() or self._clock.monotonic() >= self._until

    def close(self) -> None:
        """End it now, for every page that is open under it."""
        self._closed.set()

    async def ended(self) -> None:
        """Return when it is over."""
        while not self.is_over:
            try:
                await asyncio.wait_for(self._closed.wait(), max(0.0, self._until - self._clock.monotonic()))
            except TimeoutError:
                continue


@final
class Sessions:
    """The logins there are, at most so many: beyond that the oldest ends. They end with the process."""

    def __init__(self, lifetime: float, *, clock: Clock | None = None, most: int = MOST_SESSIONS) -> None:
        self._lifetime = lifetime
        self._clock = clock or SystemClock()
        self._most = most
        self._signer = Signer(secrets.token_bytes(32), salt="warren.dashboard", digest_method=hashlib.sha256)
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, user: str) -> str:
        """Begin a session; return what its cookie holds."""
        key = secrets.token_urlsafe(32)
        self._forget_old()
        self._sessions[key] = Session(key, user, self._clock.monotonic() + self._lifetime, self._clock)
        return self._signer.sign(key).decode()

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None where it is over, or where the cookie is not ours."""
        try:
            key = self._signer.unsign(cookie.encode("utf-8", "surrogateescape")).decode()
        except (BadSignature, UnicodeDecodeError):
            return None
        session = self._sessions.get(key)
        return None if session is None or session.is_over else session

    def close(self, cookie: str) -> None:
        """End the session of a cookie, if there is one."""
        session = self.find(cookie)
        if session is not None:
            del self._sessions[session.key]
            session.close()

    def _forget_old(self) -> None:
        # All last equally long: the first to end is the first that began.
        while self._sessions:
            first = next(iter(self._sessions.values()))
            if not first.is_over and len(self._sessions) < self._most:
                return
            first.close()
            del self._sessions[first.key]


@final
class Pauses:
    """How long an address must wait after failed logins: 1 s after the third in a row, doubling up to a minute.

    Where too many fail from all addresses together, each waits too from which nobody has logged in before.
    """

    def __init__(self, *, clock: Clock | None = None, most: int = MOST_ADDRESSES) -> None:
        self._clock = clock or SystemClock()
        self._most = most
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()  # from where somebody has logged in
        self._all_settled = 0.0  # when all failures will be a second apart

    def __len__(self) -> int:
        return len(self._failures)

    def left(self, address: str) -> float:
        """Return the seconds that an address has still to wait."""
        network, now = _network(address), self._clock.monotonic()
        _, until = self._failures.get(network, (0, 0.0))
        for_all = 0.0 if network in self._known else self._all_settled - now - (MOST_FAILURES - 1)
        return max(0.0, until - now, for_all)

    def failed(self, address: str) -> None:
        """Count a failure."""
        network, now = _network(address), self._clock.monotonic()
        self._all_settled = min(max(now, self._all_settled) + 1.0, now + MOST_FAILURES - 1 + LONGEST_ALL)
        count = self._failures.pop(network, (0, 0.0))[0] + 1
        pause = 0.0 if count < FREE_FAILURES else min(LONGEST_PAUSE, 2.0 ** min(count - FREE_FAILURES, 10))
        self._failures[network] = (count, now + pause)
        if len(self._failures) > self._most:
            self._failures.popitem(last=False)

    def forget(self, address: str) -> None:
        """Begin anew after a success."""
        network = _network(address)
        self._failures.pop(network, None)
        self._known[network] = None
        self._known.move_to_end(network)
        if len(self._known) > self._most:
            self._known.popitem(last=False)


def _network(address: str) -> str:
    """Return what stands for whoever has an address: of IPv6 anybody has a whole /64."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is None:
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)
