"""A publisher that confirms and does not wait: many messages under way when the broker is killed.

Not here: Warren's own publisher, which waits for its window.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterable

from warren.broker.model.message import Address
from warren.broker.protocol import methods, outbound

_PERSISTENT = b"\x10\x00\x02"
_FRAME_MAX = 131_072
_WINDOW = 400


class Flood:
    """One raw connection in confirm mode, logged in as guest. Raises OSError once the broker is gone."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20.0)
        self._received = b""
        self._unconfirmed: deque[bytes] = deque()
        self.confirmed: list[bytes] = []  # bodies, in order
        self._last_confirmed = 0
        self._socket.sendall(b"AMQP\x00\x00\x09\x01")
        self._await(methods.ConnectionStart)
        self._send(0, methods.ConnectionStartOk({}, "PLAIN", b"\x00guest\x00guest", "en_US"))
        self._await(methods.ConnectionTune)
        self._send(0, methods.ConnectionTuneOk(2047, _FRAME_MAX, 0))
        self._send(0, methods.ConnectionOpen("/"))
        self._await(methods.ConnectionOpenOk)
        self._send(1, methods.ChannelOpen())
        self._await(methods.ChannelOpenOk)
        self._send(1, methods.ConfirmSelect())
        self._await(methods.ConfirmSelectOk)

    def close(self) -> None:
        self._socket.close()

    def publish(self, messages: Iterable[tuple[Address, bytes]]) -> None:
        """Send persistent messages, and take the confirms that have come; wait for some if many are missing."""
        frames = []
        for address, body in messages:
            self._unconfirmed.append(body)
            frames.append(outbound.content(1, methods.BasicPublish(address).encode(), _PERSISTENT, body, _FRAME_MAX))
        self._socket.sendall(b"".join(frames))
        self._socket.setblocking(False)
        try:
            self._read()
        except BlockingIOError:
            pass
        finally:
            self._socket.settimeout(20.0)
        while len(self._unconfirmed) > _WINDOW:
            self._read()

    def wait(self, count: int) -> None:
        """Wait until that many are confirmed."""
        while len(self.confirmed) < count:
            self._read()

    def _send(self, channel: int, method: methods.Method) -> None:
        self._socket.sendall(outbound.method_frame(channel, method.encode()))

    def _await(self, kind: type[methods.Method]) -> None:
        while not (frame := self._frame()):
            self._receive()
        assert frame[:4] == kind.IDS, frame

    def _receive(self) -> None:
        data = self._socket.recv(1 << 16)
        if not data:
            raise ConnectionResetError("the broker is gone")
        self._received += data

    def _frame(self) -> bytes:
        """Return the payload of the next frame; nothing if it is not whole yet."""
        size = int.from_bytes(self._received[3:7], "big")
        if len(self._received) < size + 8:
            return b""
        payload, self._received = self._received[7 : 7 + size], self._received[size + 8 :]
        return payload

    def _read(self) -> None:
        self._receive()
        while frame := self._frame():
            assert frame[:4] == methods.BasicAck.IDS, frame
            ack = methods.BasicAck.decode(frame)
            count = ack.delivery_tag - self._last_confirmed
            assert count == 1 or ack.multiple
            self.confirmed += [self._unconfirmed.popleft() for _ in range(count)]
            self._last_confirmed = ack.delivery_tag
