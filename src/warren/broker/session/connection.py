"""A connection without its socket: the handshake, its channels, how it ends.

Not here: what happens on a channel (`channel.py`), reading, writing and heartbeats (`server.py`).

Theory of operation. The server gives `receive` what it read, and writes what `take_output` returns at the end of the
loop turn. A connection goes through the states of `protocol/states.py`, where it says which method each one waits for.
Once it is RUNNING, methods of channel 0 are its own and all others are their channel's. A `ConnectionClosed` raised
anywhere sends connection.close and waits for the answer; everything else that still comes in is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from warren.broker.auth import LoginRefused
from warren.broker.erlang import binary
from warren.broker.model.channel import Channel
from warren.broker.protocol import handshake, methods, outbound
from warren.broker.protocol.commands import Command
from warren.broker.protocol.inbound import Inbound
from warren.broker.protocol.states import STRANGERS, State, check_channel, check_connection
from warren.broker.protocol.violations import FrameViolation
from warren.broker.replies import (
    ChannelClosed,
    ConnectionClosed,
    command_invalid,
    internal_error,
    not_allowed,
)
from warren.broker.session import login
from warren.broker.session.channel import ChannelSession
from warren.broker.session.peer import Peer

if TYPE_CHECKING:
    from warren.broker.node import Node

__all__ = ["FULL", "Connection", "PublisherBlocked"]

_log: Final = logging.getLogger("warren.broker")

FULL: Final = 1024 * 1024
"""Bytes waiting to be written at which nothing more is delivered."""


class PublisherBlocked(Exception):
    """An alarm is on: this publish, and all the client sent after it, is to wait until it is off."""


class Connection:
    """One client. The server reads `out`, `state` and `paused`, and tells what the socket does."""

    def __init__(self, node: Node, peer: Peer, *, pause_reading: Callable[[bool], None]) -> None:
        self.node = node
        self.peer = peer
        self.state = State.PROTOCOL_HEADER
        self.inbound = Inbound(login.FRAME_MIN, node.config.largest_message)
        self.sessions: dict[int, ChannelSession] = {}
        self.out: list[bytes] = []
        self.out_bytes = 0
        self._header = b""  # of the eight octets of the protocol header, what came so far
        self.is_full = False  # deliver nothing: see FULL, or the client does not read
        self.is_congested = False  # set by the server while the client does not read
        self._pause_reading = pause_reading
        self.is_lingering = False  # the client asked to close: it hangs up itself
        self.is_blocked = False  # it published while an alarm is on: nothing is read
        self._held: list[Command] = []  # while blocked: what was read and not carried out
        self.has_published = False
        self.has_exclusive_queues = False
        self.user = ""
        self.vhost = ""
        self.mechanism = ""
        self.client_properties: Mapping[str, Any] = {}
        self.connected_at = node.clock.now()
        self.channel_max = node.config.channel_max
        self.frame_max = node.config.frame_max
        self.timeout = 0  # heartbeat in seconds, once tuned; 0: none
        self.bytes_received = 0
        self.bytes_sent = 0
        self.frames_received = 0  # methods with their content counted as one

    def __repr__(self) -> str:
        return f"<Connection {self.name} {self.state.name.lower()}, {len(self.sessions)} channels>"

    @property
    def name(self) -> str:
        peer = self.peer
        return f"{peer.peer_host}:{peer.peer_port} -> {peer.host}:{peer.port}"

    @property
    def protocol(self) -> str:
        return "AMQP 0-9-1"

    @property
    def channels(self) -> dict[int, Channel]:
        return {number: session.channel for number, session in self.sessions.items() if session.is_open}

    def is_capable(self, capability: str) -> bool:
        """Return whether the client declared a capability."""
        capabilities = self.client_properties.get("capabilities")
        return isinstance(capabilities, Mapping) and capabilities.get(capability) is True

    # -- writing ---------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Write at the end of the turn."""
        if not self.out:
            self.node.outgoing.append(self)
        self.out.append(data)
        self.out_bytes += len(data)
        if self.out_bytes >= FULL:
            self.is_full = True

    def send(self, channel: int, method: methods.Method) -> None:
        """Write a method without content."""
        self.write(outbound.method_frame(channel, method.encode()))

    def take_output(self) -> bytes:
        """Return what is to be written now."""
        data = b"".join(self.out)
        self.out.clear()
        self.out_bytes = 0
        self.bytes_sent += len(data)
        if self.is_full:
            self.congested(self.is_congested)
        return data

    def congested(self, congested: bool) -> None:
        """Hear from the server that the client reads too slowly, or reads again."""
        self.is_congested = congested
        self.is_full = congested or self.out_bytes >= FULL
        if not self.is_full:
            for session in self.sessions.values():
                for consumer in session.channel.consumers.values():
                    consumer.wake()
            self.node.wake()

    # -- reading ---------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take what the client sent. Never raises; look at `state` afterwards."""
        self.bytes_received += len(data)
        if self.state is State.PROTOCOL_HEADER:
            data = self._protocol_header(data)
        if not data or self.state is State.CLOSED:
            return
        commands = self.inbound.receive(data)
        self.frames_received += len(commands)
        if self.is_blocked:
            self._held += commands
        else:
            self._proceed(commands)
        self.node.wake()

    def _proceed(self, commands: list[Command]) -> None:
        self._carry_out(commands)
        violation = self.inbound.violation
        if violation is not None and not self.is_blocked:
            violation.is_answered &= self._is_answering(violation)
            self.close(violation, violation.class_id, violation.method_id)

    def _is_answering(self, violation: FrameViolation) -> bool:
        """RabbitMQ hangs up without a word on who breaks the protocol before connection.open, or in its fields."""
        return self.state is State.RUNNING or (self.state is State.OPENING and not violation.class_id)

    def _carry_out(self, commands: list[Command]) -> None:
        sessions = self.sessions
        coming = iter(commands)
        for number, method, header, body in coming:
            try:
                session = sessions.get(number)
                if session is not None:
                    session.handle(method, header, body)
                else:
                    self._without_channel(number, method)
            except ChannelClosed as refusal:
                self._refuse(number, refusal, method)
            except FrameViolation as violation:
                self.close(violation, violation.class_id, violation.method_id)
            except ConnectionClosed as refusal:
                self.close(refusal, method.CLASS_ID, method.METHOD_ID)
            except PublisherBlocked:
                self._held = [(number, method, header, body), *coming]
            except Exception:
                _log.exception("a method of %s failed: %s", self.name, method.NAME)
                self.close(internal_error("the broker failed; its log says why"), method.CLASS_ID, method.METHOD_ID)

    def _refuse(self, number: int, refusal: ChannelClosed, method: methods.Method) -> None:
        session = self.sessions.get(number)
        if session is None:
            self.close(ConnectionClosed(refusal.code, refusal.explanation), method.CLASS_ID, method.METHOD_ID)
        else:
            session.refuse_method(refusal, method)

    def _without_channel(self, number: int, method: methods.Method) -> None:
        """Take a method of channel 0, or of a channel that is not open."""
        if number == 0:
            check_connection(self.state, method)
            _HANDLERS[type(method)](self, method)
        elif self.state is State.RUNNING:
            check_channel(method, is_open=False)
            self._open_channel(number)
        elif self.state is not State.CLOSING:
            octets = binary(method.encode())
            raise FrameViolation(505, f"type 1, all octets = {octets}", is_answered=self.state is State.OPENING)

    def _open_channel(self, number: int) -> None:
        if self.channel_max and len(self.sessions) >= self.channel_max:
            raise FrameViolation(
                530,
                f"number of channels opened ({len(self.sessions)}) has reached the negotiated channel_max"
                f" ({self.channel_max})",
            )
        self.sessions[number] = ChannelSession(number, self)
        self.node.churn.channel_created += 1
        self.send(number, methods.ChannelOpenOk())

    # -- the handshake ---------------------------------------------------------------------

    def _protocol_header(self, data: bytes) -> bytes:
        """Read the eight octets that open a connection; return what follows them."""
        self._header += data
        if not handshake.is_prefix(self._header):
            self.write(handshake.PROTOCOL_HEADER)
            self._enter(State.CLOSED)
            return b""
        if len(self._header) < len(handshake.PROTOCOL_HEADER):
            return b""
        rest, self._header = self._header[len(handshake.PROTOCOL_HEADER) :], b""
        self.state = State.STARTING
        self.send(
            0,
            methods.ConnectionStart(
                version_major=0,
                version_minor=9,
                server_properties=login.server_properties(self.node),
                mechanisms=" ".join(login.mechanisms(self.node, self.peer)),
                locales="en_US",
            ),
        )
        self.node.wake()
        return rest

    def _start_ok(self, method: methods.ConnectionStartOk) -> None:
        self.client_properties = method.client_properties
        self.mechanism = method.mechanism
        if method.mechanism not in login.mechanisms(self.node, self.peer):
            raise command_invalid(f"unknown authentication mechanism '{method.mechanism}'")
        if self.node.config.tls_client_required and self.peer.certificate_name is None:
            self._send_close(ConnectionClosed(403, "a client certificate is required"), 0, 0)
            return
        try:
            self.user = login.log_in(self.node, self.peer, method.mechanism, method.response)
        except LoginRefused as refused:
            self._refuse_login(str(refused))
            return
        config = self.node.config
        self.state = State.TUNING
        self.inbound.frame_max = config.frame_max  # the largest that can be agreed on
        self.send(0, methods.ConnectionTune(config.channel_max, config.frame_max, config.heartbeat))

    def _refuse_login(self, reason: str) -> None:
        _log.warning("refused the login of %s: %s", self.name, reason)
        if not self.is_capable("authentication_failure_close"):
            self._enter(State.CLOSED)
            return
        text = f"Login was refused using authentication mechanism {self.mechanism}."
        self._send_close(ConnectionClosed(403, f"{text} For details see the broker logfile."), 0, 0)

    def _tune_ok(self, method: methods.ConnectionTuneOk) -> None:
        config = self.node.config
        login.check_tuned("frame_max", method.frame_max, lowest=login.FRAME_MIN, highest=config.frame_max)
        login.check_tuned("channel_max", method.channel_max, lowest=1, highest=config.channel_max)
        self.frame_max = self.inbound.frame_max = method.frame_max
        self.channel_max = method.channel_max
        self.timeout = method.heartbeat
        self.state = State.OPENING

    def _open(self, method: methods.ConnectionOpen) -> None:
        name = method.virtual_host
        if name not in self.node.vhosts:
            raise not_allowed(f"vhost {name} not found")
        if not self.node.accounts.may_enter(self.user, name):
            raise not_allowed(f"access to vhost '{name}' refused for user '{self.user}'")
        self.node.check_connection_limits(self.user, name)
        self.vhost = name
        self.state = State.RUNNING
        self.node.connections[self] = None
        self.node.churn.connection_created += 1
        self.send(0, methods.ConnectionOpenOk())

    def _update_secret(self, method: methods.ConnectionUpdateSecret) -> None:
        self.send(0, methods.ConnectionUpdateSecretOk())

    # -- alarms ----------------------------------------------------------------------------

    def published(self) -> None:
        """Hear that the client publishes. Raises `PublisherBlocked` while an alarm is on."""
        self.has_published = True
        if self.node.alarms:
            self._block()
            raise PublisherBlocked

    def alarm_changed(self) -> None:
        """Hear that the node ran short of something, or has it again."""
        if self.is_blocked and not self.node.alarms:
            self.is_blocked = False
            self._pause_reading(False)
            if self.is_capable("connection.blocked"):
                self.send(0, methods.ConnectionUnblocked())
            held, self._held = self._held, []
            self._proceed(held)

    def _block(self) -> None:
        self.is_blocked = True
        self._pause_reading(True)
        if self.is_capable("connection.blocked"):
            self.send(0, methods.ConnectionBlocked(self.node.blocked_reason))

    # -- the end ---------------------------------------------------------------------------

    def close(self, refusal: ConnectionClosed, class_id: int = 0, method_id: int = 0) -> None:
        """Close from the broker's side, and wait for the client's connection.close-ok."""
        if self.state in (State.CLOSING, State.CLOSED):
            return
        level = logging.INFO if refusal.code == 320 else logging.WARNING  # asked for by an operator
        _log.log(level, "closing %s: %s", self.name, refusal.text)
        self._end_channels()
        is_dropped = isinstance(refusal, FrameViolation) and not refusal.is_answered
        if self.state in STRANGERS or is_dropped:
            self._enter(State.CLOSED)
        else:
            self._send_close(refusal, class_id, method_id)

    def _send_close(self, refusal: ConnectionClosed, class_id: int, method_id: int) -> None:
        self.send(0, methods.ConnectionClose(refusal.code, refusal.text, class_id, method_id))
        self.inbound.close()
        self._enter(State.CLOSING)

    def cut(self, *, flush: bool = False) -> None:
        """End without a word, as if the network did; `flush` what is still to be written."""
        if not flush:
            self.out.clear()
        self._end_channels()
        self._enter(State.CLOSED)

    def close_by_operator(self, reason: str) -> None:
        """Close as an operator asked for it (320)."""
        self.close(ConnectionClosed(320, reason))

    def _closed_by_client(self, method: methods.ConnectionClose) -> None:
        if self.state is not State.CLOSING:
            self._end_channels()
        self.send(0, methods.ConnectionCloseOk())
        self.is_lingering = self.state is State.RUNNING
        self._enter(State.CLOSED)

    def _close_confirmed(self, method: methods.ConnectionCloseOk) -> None:
        self._enter(State.CLOSED)

    def _enter(self, state: State) -> None:
        """Go on to CLOSING or CLOSED, and have the server see to the socket."""
        self.state = state
        self.node.closing.append(self)
        self.node.wake()

    def lost(self) -> None:
        """Hear that the socket is gone."""
        self._end_channels()
        self.state = State.CLOSED
        self.node.wake()

    def _end_channels(self) -> None:
        sessions, self.sessions = list(self.sessions.values()), {}
        for session in sessions:
            session.end()
        if self.has_exclusive_queues:
            vhost = self.node.vhosts[self.vhost]
            for name in [name for name, queue in vhost.queues.items() if queue.exclusive_owner is self]:
                vhost.delete_queue(name, owner=self)
            self.has_exclusive_queues = False
        if self in self.node.connections:
            del self.node.connections[self]
            self.node.churn.connection_closed += 1


_HANDLERS: Final[dict[type, Callable[[Connection, Any], None]]] = {
    methods.ConnectionStartOk: Connection._start_ok,
    methods.ConnectionTuneOk: Connection._tune_ok,
    methods.ConnectionOpen: Connection._open,
    methods.ConnectionUpdateSecret: Connection._update_secret,
    methods.ConnectionClose: Connection._closed_by_client,
    methods.ConnectionCloseOk: Connection._close_confirmed,
}
