"""The broker on a loop: sockets, TLS, heartbeats, and one end of turn for all that was read in it.

Not here: what the bytes mean (`session/`), or starting it in a thread or a process (`embedded.py`).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

from warren.broker.node import Node
from warren.broker.protocol.outbound import HEARTBEAT_FRAME
from warren.broker.protocol.states import State
from warren.broker.session.connection import FULL, Connection
from warren.broker.session.peer import Peer
from warren.broker.settings import BrokerConfig
from warren.errors import BrokerUnavailable, ConfigurationError

__all__ = ["Server"]

_log: Final = logging.getLogger("warren.broker")

_LARGEST_BACKLOG: Final = 32 * 1024 * 1024
"""Bytes waiting for the journal at which publishers are not read from."""

_SHUTDOWN_TIMEOUT: Final = 2.0
"""Seconds in which clients may take what they are still to be sent when the broker ends."""

_CLOSE_TIMEOUT: Final = 10.0
"""Seconds a client gets to answer connection.close."""


class Server:
    """Serves one node on the running loop. `faults` may change or drop what is written, for tests."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.config: BrokerConfig = node.config
        self.transports: dict[Connection, AmqpTransport] = {}
        self.port = 0
        self.tls_port: int | None = None  # where TLS is served beside the plain port
        self.on_output: Callable[[AmqpTransport, bytes], bytes | None] | None = None  # fault injection
        self._loop = asyncio.get_running_loop()
        self._listeners: list[asyncio.Server] = []
        self._is_left = asyncio.Event()  # a connection
        self._turn_is_due = False
        self._alarm_clock: asyncio.TimerHandle | None = None
        self._alarm_at = float("inf")
        self._is_held = False  # publishers are not read: the journal is behind
        node.wake = self.wake

    async def listen(self) -> None:
        """Listen for AMQP. Raises `BrokerUnavailable` when the address cannot be had."""
        config = self.config
        context = _tls_context(config) if config.tls_cert is not None else None
        self.port = await self._listen(config.port, context if config.is_tls_only else None)
        if config.tls_port is not None:
            self.tls_port = await self._listen(config.tls_port, context)

    async def _listen(self, port: int, context: ssl.SSLContext | None) -> int:
        host = self.config.host
        try:
            listener = await self._loop.create_server(
                lambda: AmqpTransport(self), host, port, ssl=context, backlog=1024
            )
        except OSError as error:
            raise BrokerUnavailable(
                f"cannot listen on {host}:{port}: {error.strerror or error}; choose another port"
            ) from error
        self._listeners.append(listener)
        bound: int = listener.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening, and close all connections: what they are still to be sent is written first."""
        for listener in self._listeners:
            listener.close()
        for transport in list(self.transports.values()):
            transport.connection.close_by_operator("broker forced connection closure with reason 'shutdown'")
        self._turn()
        for transport in list(self.transports.values()):
            transport.disconnect()
        self._loop.call_later(_SHUTDOWN_TIMEOUT, self._abort_all)
        while self.transports:
            self._is_left.clear()
            await self._is_left.wait()
        if self._alarm_clock is not None:
            self._alarm_clock.cancel()

    def _abort_all(self) -> None:
        for transport in list(self.transports.values()):
            transport.drop()

    def left(self, connection: Connection) -> None:
        """Hear that a socket is gone."""
        self.transports.pop(connection, None)
        self._is_left.set()

    # -- turns -----------------------------------------------------------------------------

    def wake(self) -> None:
        """Ask for an end of turn, once all that is ready to be read is read."""
        if not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_is_due = False
        node = self.node
        node.end_turn()
        outgoing, node.outgoing = node.outgoing, []
        for connection in outgoing:
            transport = self.transports.get(connection)
            if transport is not None:
                transport.flush()
        if node.closing:
            self._disconnect_closed()
        self._hold_publishers(node.storage.backlog > _LARGEST_BACKLOG)
        self._set_alarm_clock()

    def _disconnect_closed(self) -> None:
        closing, self.node.closing = self.node.closing, []
        for connection in closing:
            transport = self.transports.get(connection)
            if transport is not None:
                transport.closing()

    def _hold_publishers(self, hold: bool) -> None:
        if hold or self._is_held:  # while it lasts others begin to publish
            self._is_held = hold
            for transport in self.transports.values():
                transport.hold(hold)

    def _set_alarm_clock(self) -> None:
        deadline = self.node.timers.next_deadline()
        if deadline == self._alarm_at:
            return
        if self._alarm_clock is not None:
            self._alarm_clock.cancel()
            self._alarm_clock = None
        self._alarm_at = deadline
        if deadline != float("inf"):
            delay = max(0.0, deadline - self.node.clock.monotonic())
            self._alarm_clock = self._loop.call_later(delay, self._fire)

    def _fire(self) -> None:
        self._alarm_clock = None
        self._alarm_at = float("inf")
        self.node.timers.fire(self.node.clock.monotonic())
        self._turn()


class AmqpTransport(asyncio.Protocol):
    """One socket."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self.connection: Connection
        self.transport: asyncio.Transport
        self._is_held = False
        self._is_blocked = False
        self._heartbeat: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None  # of the handshake, then of connection.close-ok
        self._heard = True  # since the last beat
        self._said = True
        self._silent_beats = 0

    # -- the socket ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own
        self.transport.set_write_buffer_limits(high=FULL)
        peer = Peer(
            transport.get_extra_info("peername")[:2],
            transport.get_extra_info("sockname")[:2],
            ssl=transport.get_extra_info("ssl_object") is not None,
            certificate_name=_certificate_name(transport.get_extra_info("peercert")),
        )
        self.connection = Connection(self._server.node, peer, pause_reading=self._block)
        self._server.transports[self.connection] = self
        self._deadline = self._loop.call_later(self._server.config.handshake_timeout, self._handshake_timed_out)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        self.connection.receive(data)
        if self._heartbeat is None and self.connection.timeout and self.connection.state is State.RUNNING:
            self._beat()

    def pause_writing(self) -> None:
        self.connection.congested(True)

    def resume_writing(self) -> None:
        self.connection.congested(False)

    def connection_lost(self, error: Exception | None) -> None:
        for timer in (self._heartbeat, self._deadline):
            if timer is not None:
                timer.cancel()
        self._server.left(self.connection)
        self.connection.lost()

    # -- what the server asks for ----------------------------------------------------------

    def flush(self) -> None:
        """Write what the turn left to be written."""
        data: bytes | None = self.connection.take_output()
        if self._server.on_output is not None:
            data = self._server.on_output(self, data or b"")
        if data and not self.transport.is_closing():
            self._said = True
            self.transport.write(data)

    def closing(self) -> None:
        """Disconnect once everything is written, or wait for the answer to connection.close."""
        if self.connection.state is State.CLOSED and not self.connection.is_lingering:
            self.disconnect()
        else:
            self._limit(_CLOSE_TIMEOUT, self.transport.abort)

    def disconnect(self) -> None:
        """Close the socket once everything is written, and in any case soon."""
        self.transport.close()
        self._limit(_CLOSE_TIMEOUT, self.transport.abort)

    def drop(self) -> None:
        """Cut the connection, as a network does."""
        self.transport.abort()

    def hold(self, hold: bool) -> None:
        """Read nothing from a publisher while the journal is behind."""
        is_held = hold and self.connection.has_published
        if is_held is not self._is_held:
            self._is_held = is_held
            self._read_or_not()

    # -- reading ---------------------------------------------------------------------------

    def _block(self, block: bool) -> None:
        self._is_blocked = block
        self._read_or_not()

    def _read_or_not(self) -> None:
        if self.transport.is_closing():
            return
        if self._is_held or self._is_blocked:
            self.transport.pause_reading()
        else:
            self._heard = True  # it could not be heard
            self.transport.resume_reading()

    # -- time ------------------------------------------------------------------------------

    def _limit(self, seconds: float, action: Callable[[], Any]) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, action)

    def _handshake_timed_out(self) -> None:
        if self.connection.state not in (State.RUNNING, State.CLOSING):
            _log.warning(
                "%s took more than %g s to log in", self.connection.name, self._server.config.handshake_timeout
            )
            self.drop()

    def _beat(self) -> None:
        """Half a heartbeat has passed: send one if nothing else was sent; drop who was silent for two whole ones."""
        self._heartbeat = self._loop.call_later(self.connection.timeout / 2, self._beat)
        self._silent_beats = 0 if self._heard or self._is_held or self._is_blocked else self._silent_beats + 1
        if self._silent_beats >= 4:
            _log.warning("missed heartbeats of %s, timeout %d s", self.connection.name, self.connection.timeout)
            self.drop()
            return
        if not self._said and not self.transport.is_closing():
            self.transport.write(HEARTBEAT_FRAME)
        self._heard = self._said = False


def _certificate_name(certificate: dict[str, Any] | None) -> str | None:
    """Return the common name of a client's certificate, which EXTERNAL takes for the user's."""
    for attributes in (certificate or {}).get("subject", ()):
        for name, value in attributes:
            if name == "commonName":
                return str(value)
    return None


def _tls_context(config: BrokerConfig) -> ssl.SSLContext:
    assert config.tls_cert is not None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(config.tls_cert, config.tls_key, password="")
        if config.tls_ca is not None:
            context.load_verify_locations(config.tls_ca)
            # Required ones are asked for at the login: a failed handshake would not tell the client why.
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"cannot use {config.tls_cert} and {config.tls_key} for TLS: {error}") from error
    return context
