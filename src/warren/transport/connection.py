"""One connection that recovers: over all hosts, with back-off and jitter, for ever unless limited.

Not here: what flows through it (`publisher.py`, `consumer.py`), bytes (`stream.py`), or reading errors (`failures.py`).

Theory of operation. A connection is in one of six states; what happened is a signal; the table says where a signal
leads and which action it causes. A signal that the table does not list for a state is ignored: it is late news of
something already given up.

    idle --start--> connecting --opened--> open --lost--> waiting --timer--> connecting …
                    connecting --failed--> waiting        connecting --refused--> closed (before the first success only)
    any --close--> closing --lost, or its deadline--> closed

The users of a connection (publishers, consumers) attach once and hear of each opening and each loss. Everything here
runs on the I/O thread but for `start`, `attach` and `close`.
"""

from __future__ import annotations

import enum
import itertools
import random
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import pika

from warren.config import BrokerSettings, Host
from warren.errors import BrokerRefused, BrokerUnavailable, WarrenError
from warren.observability import events
from warren.reliability.backoff import Backoff
from warren.transport.failures import explain, is_refusal
from warren.transport.io_thread import IoThread
from warren.transport.stream import Stream

__all__ = ["Connection", "ConnectionUser", "Recovery", "State"]

CLOSE_DEADLINE: Final = 5.0


class State(enum.Enum):
    """Where a connection stands."""

    IDLE = "idle"
    CONNECTING = "connecting"
    OPEN = "open"
    WAITING = "waiting"
    CLOSING = "closing"
    CLOSED = "closed"


class _Signal(enum.Enum):
    START = "start"
    OPENED = "opened"
    FAILED = "failed"
    REFUSED = "refused"
    LOST = "lost"
    TIMER = "timer"
    CLOSE = "close"


_TABLE: Final[dict[tuple[State, _Signal], tuple[State, str]]] = {
    (State.IDLE, _Signal.START): (State.CONNECTING, "_connect"),
    (State.CONNECTING, _Signal.OPENED): (State.OPEN, "_announce_open"),
    (State.CONNECTING, _Signal.FAILED): (State.WAITING, "_wait"),
    (State.CONNECTING, _Signal.REFUSED): (State.CLOSED, "_finish"),
    (State.OPEN, _Signal.LOST): (State.WAITING, "_announce_loss"),
    (State.WAITING, _Signal.TIMER): (State.CONNECTING, "_connect"),
    (State.WAITING, _Signal.REFUSED): (State.CLOSED, "_finish"),
    (State.IDLE, _Signal.CLOSE): (State.CLOSED, "_finish"),
    (State.CONNECTING, _Signal.CLOSE): (State.CLOSING, "_close_stream"),
    (State.OPEN, _Signal.CLOSE): (State.CLOSING, "_close_stream"),
    (State.WAITING, _Signal.CLOSE): (State.CLOSED, "_finish"),
    (State.CLOSING, _Signal.OPENED): (State.CLOSING, "_close_stream"),
    (State.CLOSING, _Signal.FAILED): (State.CLOSED, "_finish"),
    (State.CLOSING, _Signal.REFUSED): (State.CLOSED, "_finish"),
    (State.CLOSING, _Signal.LOST): (State.CLOSED, "_finish"),
    (State.CLOSING, _Signal.TIMER): (State.CLOSED, "_abandon"),
    (State.CLOSED, _Signal.OPENED): (State.CLOSED, "_abort_stream"),
}


class ConnectionUser(Protocol):
    """What publishes or consumes through a connection. Called on the I/O thread."""

    def connection_opened(self, stream: Stream) -> None:
        """A new stream is open; every channel of the former one is gone."""

    def connection_lost(self, reason: str) -> None:
        """The stream is gone; a new one follows."""

    def connection_closed(self, error: WarrenError) -> None:
        """No stream follows any more."""

    def connection_blocked(self, reason: str) -> None:
        """The broker stopped reading what this connection publishes."""

    def connection_unblocked(self) -> None:
        """The broker reads again."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a connection recovers. `limit` failed tries in a row end it (default None: never)."""

    backoff: Backoff = field(default_factory=Backoff)
    limit: int | None = None


class Connection:
    """A recovering connection to one of the configured hosts."""

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        io: IoThread,
        bus: events.EventBus,
        name: str,
        recovery: Recovery | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self.name = name
        self.io = io
        self.bus = bus
        self.state = State.IDLE
        self.error: WarrenError | None = None  # why it is closed; or why the last try failed
        self.stream: Stream | None = None  # set only while open
        self.host: Host | None = None  # where it is open, or was last
        self.blocked_reason: str | None = None  # set only while the broker's alarm lasts
        self.frame_max = 131_072
        self._recovery = recovery or Recovery()
        self._rng = rng or random.Random()
        self._hosts = list(settings.hosts)
        self._rng.shuffle(self._hosts)
        self._tls = settings.tls.context() if settings.tls else None
        self._users: list[ConnectionUser] = []
        self._turn = 0  # which host is next
        self._tries = 0  # failed tries since the last success
        self._was_open = False
        self._attempt: Stream | None = None  # the stream that is connecting or open
        self._timer: Any = None
        self._channels: set[int] = set()
        self._channels_lock = threading.Lock()
        self._opened = threading.Event()  # set while open, and for good once closed
        self._closed = threading.Event()

    def __repr__(self) -> str:
        return f"<Connection {self.name} {self.state.value}, {self.settings.redacted}>"

    # -- from any thread --------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect, and return at once."""
        self.io.start()
        self.io.post(lambda: self._signal(_Signal.START))

    def attach(self, user: ConnectionUser) -> None:
        """Tell `user` about each opening and loss from now on, the present one included."""
        self.io.post(lambda: self._attach(user))

    def detach(self, user: ConnectionUser) -> None:
        """Stop telling `user`. I/O thread only."""
        if user in self._users:
            self._users.remove(user)

    def wait_open(self, timeout: float) -> None:
        """Wait until the connection is open.

        Raises `BrokerRefused` where the broker refused the login or virtual host, `BrokerUnavailable` after `timeout`
        seconds.
        """
        if not self.wait_open_for(timeout):
            why = f": {self.error}" if self.error else ""
            raise BrokerUnavailable(
                f"no broker at {self.settings.redacted} within {timeout:g} s{why}; start it, or correct the broker URL"
            )

    def wait_open_for(self, timeout: float) -> bool:
        """Wait like `wait_open`, but tell whether the connection opened in time instead of raising for it."""
        opened = self._opened.wait(timeout)
        if self.state is State.CLOSED:
            raise self.error or BrokerUnavailable("the connection has been closed")
        return opened

    @property
    def is_open(self) -> bool:
        """Whether a stream is open right now."""
        return self.state is State.OPEN

    def reserve_channel(self) -> int:
        """Return a channel number that nothing else uses; it stays valid over recoveries, until it is released."""
        with self._channels_lock:
            number = next(number for number in itertools.count(1) if number not in self._channels)
            self._channels.add(number)
        return number

    def release_channel(self, number: int) -> None:
        """Let a number be used again. Only once its channel is closed on both ends, or its connection gone."""
        with self._channels_lock:
            self._channels.discard(number)

    def close(self) -> None:
        """Close the stream and stop recovering; waits for it, a few seconds at most."""
        if self.io.post(lambda: self._signal(_Signal.CLOSE)):
            self._closed.wait(CLOSE_DEADLINE + 1.0)

    # -- the machine: I/O thread only -------------------------------------------------------

    def _signal(self, signal: _Signal, *details: Any) -> None:
        step = _TABLE.get((self.state, signal))
        if step is not None:
            self.state, action = step
            getattr(self, action)(*details)

    def _attach(self, user: ConnectionUser) -> None:
        self._users.append(user)
        if self.state is State.OPEN and self.stream is not None:
            user.connection_opened(self.stream)
            if self.blocked_reason is not None:
                user.connection_blocked(self.blocked_reason)
        elif self.state is State.CLOSED:
            user.connection_closed(self.error or BrokerUnavailable("the connection has been closed"))

    def _each_user(self, tell: Callable[[ConnectionUser], None]) -> None:
        for user in list(self._users):
            tell(user)

    def _connect(self) -> None:
        host = self._hosts[self._turn % len(self._hosts)]
        self._attempt = Stream(
            _parameters(self.settings, host, self._tls, self.name),
            custom_ioloop=self.io.loop,
            on_open_callback=lambda stream: self._if_current(stream, _Signal.OPENED, host, stream),
            on_open_error_callback=lambda stream, error: self._connect_failed(stream, host, error),
            on_close_callback=lambda stream, error: self._if_current(stream, _Signal.LOST, host, explain(error)),
        )

    def _if_current(self, stream: Stream, signal: _Signal, *details: Any) -> None:
        if stream is self._attempt:
            self._signal(signal, *details)

    def _connect_failed(self, stream: Stream, host: Host, error: BaseException) -> None:
        if stream is not self._attempt:
            return
        reason = explain(error)
        if self.state is State.CLOSING:
            self._signal(_Signal.FAILED, reason)
        elif not self._was_open and is_refusal(error):
            self.error = BrokerRefused(f"{host} refused {self.settings.redacted}: {reason}")
            self._signal(_Signal.REFUSED)
        else:
            self.error = BrokerUnavailable(f"{host}: {reason}")
            self._signal(_Signal.FAILED, reason)

    def _announce_open(self, host: Host, stream: Stream) -> None:
        self.stream = stream
        self.host = host
        self.frame_max = stream.frame_max
        attempt, self._tries = self._tries + 1, 0
        self.error = None
        stream.add_on_connection_blocked_callback(self._on_blocked)
        stream.add_on_connection_unblocked_callback(self._on_unblocked)
        self.bus.emit(events.Connected(self.name, str(host), attempt))
        self._was_open = True
        self._each_user(lambda user: user.connection_opened(stream))
        self._opened.set()

    def _announce_loss(self, host: Host, reason: str) -> None:
        self._opened.clear()
        self.stream = None
        self.blocked_reason = None
        self.error = BrokerUnavailable(f"{host}: {reason}")
        self.bus.emit(events.Disconnected(self.name, str(host), reason))
        self._each_user(lambda user: user.connection_lost(reason))
        self._wait(reason, lost=True)

    def _wait(self, reason: str, *, lost: bool = False) -> None:
        self._turn += 1
        if not lost:
            self._tries += 1
        if self._recovery.limit is not None and self._tries >= self._recovery.limit:
            self._signal(_Signal.REFUSED)
            return
        # Each host gets its try before the next wait grows.
        rounds, rest = divmod(self._tries, len(self._hosts))
        delay = 0.0 if rest else self._recovery.backoff.delay(rounds, self._rng)
        self.bus.emit(events.Reconnecting(self.name, self._tries + 1, delay, reason))
        self._timer = self.io.loop.call_later(delay, self._signal, _Signal.TIMER)

    def _give_up(self) -> None:
        self._finish()

    def _close_stream(self, *_: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.io.loop.call_later(CLOSE_DEADLINE, self._signal, _Signal.TIMER)
        stream = self._attempt
        if stream is not None and not stream.is_closed and not stream.is_closing:
            stream.close()  # aborts a connect that is under way

    def _abandon(self) -> None:
        self._abort_stream()
        self._finish()

    def _abort_stream(self, *_: Any) -> None:
        if self._attempt is not None:
            self._attempt.abort()

    def _finish(self, *_: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.stream = None
        self.blocked_reason = None
        error = self.error or BrokerUnavailable("the connection has been closed")
        self.error = error
        self._each_user(lambda user: user.connection_closed(error))
        self._opened.set()
        self._closed.set()

    def _on_blocked(self, _stream: Stream, frame: Any) -> None:
        reason = str(frame.method.reason)
        self.blocked_reason = reason
        self.bus.emit(events.Blocked(self.name, reason))
        self._each_user(lambda user: user.connection_blocked(reason))

    def _on_unblocked(self, _stream: Stream, _frame: Any) -> None:
        self.blocked_reason = None
        self.bus.emit(events.Unblocked(self.name))
        self._each_user(lambda user: user.connection_unblocked())


def _parameters(
    settings: BrokerSettings, host: Host, tls: ssl.SSLContext | None, name: str
) -> pika.ConnectionParameters:
    tls_options = None
    if tls is not None and settings.tls is not None:
        tls_options = pika.SSLOptions(tls, settings.tls.server_name or host.name)
    return pika.ConnectionParameters(
        host=host.name,
        port=host.port,
        virtual_host=settings.virtual_host,
        credentials=pika.PlainCredentials(settings.user, settings.password, erase_on_connect=False),
        heartbeat=settings.heartbeat,
        ssl_options=tls_options,
        connection_attempts=1,
        retry_delay=0,
        socket_timeout=settings.connection_timeout,
        stack_timeout=settings.connection_timeout,
        blocked_connection_timeout=None,
        client_properties={"product": "Warren", "connection_name": name},
    )
