"""A raw AMQP connection that sends whatever it is told, legal or not, and writes down every frame that comes.

Not here: what a script can say on a channel (channel.py), the wording of what is written down (transcript.py).
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.differential.raw.channel import Channel
from tests.differential.raw.methods import BY_NAME, BY_NUMBER
from tests.differential.raw.values import Reader, decode_method, encode_fields, encode_properties
from tests.differential.transcript import FAILED, Transcript, told

__all__ = ["METHOD", "Connection", "ScriptError"]

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
PATIENCE = 10.0

CAPABILITIES = {
    "publisher_confirms": True,
    "exchange_exchange_bindings": True,
    "basic.nack": True,
    "consumer_cancel_notify": True,
    "connection.blocked": True,
    "authentication_failure_close": True,
}


class ScriptError(Exception):
    """A scenario asked for what makes no sense, such as a second answer on a closed socket."""


class Connection:
    """One socket. Frames are read while something is waited for. `zero` is channel 0, the connection's own."""

    def __init__(self, port: int, name: str, transcript: Transcript) -> None:
        self.name = name
        self.transcript = transcript
        self.frame_max = 131072
        self.is_ended = False  # The broker hung up.
        self.answers_close = True
        self.was_closed = False  # By the broker.
        self.heartbeats = 0
        self.zero = Channel(self, 0)
        self._channels: dict[int, Channel] = {0: self.zero}
        self._received = bytearray()
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # -- sending --------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send bytes as they are. A broker that has hung up meanwhile is found out while reading."""
        try:
            self._socket.sendall(data)
        except OSError:
            pass

    def send_frame(self, kind: int, channel: int, payload: bytes, *, end: bytes = b"\xce") -> None:
        self.send(struct.pack(">BHI", kind, channel, len(payload)) + payload + end)

    def send_method(self, channel: int, method: str, values: Mapping[str, Any] | None = None) -> None:
        known = BY_NAME[method]
        unknown = set(values or ()) - {name for name, _ in known.fields}
        if unknown:
            raise ScriptError(f"{method} has no {unknown}")
        numbers = struct.pack(">HH", known.class_id, known.method_id)
        self.send_frame(METHOD, channel, numbers + encode_fields(known.fields, values or {}))

    def send_header(
        self, channel: int, size: int, properties: Mapping[str, Any] | None = None, *, cls: int = 60
    ) -> None:
        self.send_frame(HEADER, channel, struct.pack(">HHQ", cls, 0, size) + encode_properties(properties or {}))

    def send_body(self, channel: int, body: bytes) -> None:
        room = self.frame_max - 8
        for start in range(0, len(body), room):
            self.send_frame(BODY, channel, body[start : start + room])

    # -- channels -------------------------------------------------------------------------

    def channel(self, number: int | None = None, *, opened: bool = True) -> Channel:
        """Return channel `number` (default: the next); it is opened first, if it is new and not to stay closed."""
        if number is None:
            number = max((0, *self._channels)) + 1
        if number in self._channels and not self._channels[number].is_closed:
            return self._channels[number]
        self._channels[number] = channel = Channel(self, number)
        if opened and number:
            channel.call("channel.open")
        return channel

    # -- the handshake --------------------------------------------------------------------

    def handshake(
        self,
        vhost: str | None,
        *,
        user: str = "guest",
        password: str = "guest",
        mechanism: str = "PLAIN",
        response: bytes | None = None,
        capabilities: Mapping[str, Any] = CAPABILITIES,
        properties: Mapping[str, Any] | None = None,
        tune: tuple[int, int, int] = (2047, 131072, 0),
        silent: bool = False,
    ) -> Connection:
        """Go through the handshake up to the first refusal; `vhost=None` stops before connection.open."""
        self.zero.is_silent = silent
        self.start()
        client = {"capabilities": capabilities, **(properties or {})}
        if response is None:
            response = f"\0{user}\0{password}".encode()
        start_ok = {"client_properties": client, "mechanism": mechanism, "response": response, "locale": "en_US"}
        self.zero.send("connection.start-ok", shown=f"{mechanism}", **start_ok)
        if self.zero.awaits("connection.tune"):
            channel_max, self.frame_max, heartbeat = tune
            self.zero.send("connection.tune-ok", channel_max, self.frame_max, heartbeat)
            self.frame_max = self.frame_max or 131072
            if vhost is not None:
                self.zero.call("connection.open", vhost)
        self.zero.is_silent = False
        return self

    def start(self) -> None:
        self.send(b"AMQP\0\0\x09\x01")
        self.zero.awaits("connection.start")

    def ended(self) -> None:
        """Wait until the broker hangs up, which it puts off where it cannot make out the answer to its close."""
        if not self.pump(lambda: self.is_ended, 2 * PATIENCE):
            self.transcript.add(f"{self.name}.0", f"{FAILED} the broker did not hang up")

    # -- reading --------------------------------------------------------------------------

    def pump(self, until: Callable[[], bool], patience: float = PATIENCE) -> bool:
        """Read and write down frames until `until()` holds; return whether it does."""
        deadline = time.monotonic() + patience
        while not until():
            left = deadline - time.monotonic()
            if left <= 0 or self.is_ended:
                return False
            if select.select([self._socket], [], [], left)[0]:
                self._read()
        return True

    def _read(self) -> None:
        try:
            data = self._socket.recv(1 << 18)
        except OSError:
            data = b""
        if not data:
            self.is_ended = True
            self.transcript.add(f"{self.name}.0", "(the broker hung up)")
            return
        self._received += data
        while self._take_frame():
            pass

    def _take_frame(self) -> bool:
        received = self._received
        if received[:4] == b"AMQP":
            if len(received) < 8:
                return False
            self.transcript.add(f"{self.name}.0", f"protocol header {tuple(received[4:8])}")
            del received[:8]
            return True
        if len(received) < 7:
            return False
        kind, number, size = struct.unpack_from(">BHI", received)
        if len(received) < size + 8:
            return False
        payload, end = bytes(received[7 : 7 + size]), received[7 + size]
        del received[: size + 8]
        if end != 0xCE:
            self.transcript.add(f"{self.name}.{number}", f"{FAILED} a frame ends in {end:#x}")
        self._dispatch(kind, number, payload)
        return True

    def _dispatch(self, kind: int, number: int, payload: bytes) -> None:
        channel = self._channels.get(number)
        if kind == HEARTBEAT:
            self.heartbeats += 1
        elif channel is None:
            self.transcript.add(f"{self.name}.{number}", f"{FAILED} a frame of kind {kind} on a channel never opened")
        elif kind == METHOD:
            reader = Reader(payload)
            method = BY_NUMBER[reader.number(">H"), reader.number(">H")]
            channel.receive(method, decode_method(method, reader))
        elif kind == HEADER:
            channel.receive_header(Reader(payload))
        else:
            channel.receive_body(payload)

    # -- the end --------------------------------------------------------------------------

    def finish(self, quiet: float) -> None:
        """See whether anything unexpected still comes, and close."""
        live = [channel for channel in self._channels.values() if channel.number and channel.is_usable]
        for channel in live:
            channel.flush()
        self.pump(lambda: False, quiet)
        if self.was_closed and not self.is_ended:
            self.ended()
        if not self.is_ended and self.zero.is_usable and self.zero.was_answered:
            self.zero.silently("connection.close", 200, "bye")
        self._socket.close()

    def abort(self) -> None:
        """Break the connection without a word."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
        self.is_ended = True

    def write_down(self, stream: str, method: str, values: Mapping[str, Any]) -> None:
        self.transcript.add(stream, told(method, dict(values)))
