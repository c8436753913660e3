"""Pika's `AsyncioConnection` with two changes for speed: coalesced writes, and a short way in for deliveries and acks.

Not here: recovery (`connection.py`), or any meaning of what arrives.

Pika sends each frame with a system call of its own and re-slices its buffer for each frame it reads. Here the writes of
one turn of the loop leave in one call, and three methods are read in place on the channels that ask for it:
`basic.ack`, and `basic.deliver` and `basic.return` with their content, whose properties stay bytes (pika reads some
field types as others, and fails on some). Every other frame goes through pika. What this relies on inside pika is
pinned by `tests/unit/transport/test_stream.py`.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pika.exceptions
import pika.frame
from pika.adapters.asyncio_connection import AsyncioConnection

__all__ = ["RawDelivery", "RawReturn", "Stream"]


class RawDelivery(NamedTuple):
    """A `basic.deliver` with its content; `properties` starts at the property flags."""

    delivery_tag: int
    redelivered: bool
    consumer_tag: str
    exchange: str
    routing_key: str
    properties: bytes
    body: bytes


class RawReturn(NamedTuple):
    """A `basic.return` with its content; `properties` starts at the property flags."""

    reply_code: int
    reply_text: str
    exchange: str
    routing_key: str
    properties: bytes


Deliveries = Callable[[list[RawDelivery]], None]
Acks = Callable[[int, bool], None]
Returns = Callable[[RawReturn], None]

_READ_BYTES: Final = 256 * 1024

_frame_head: Final = struct.Struct(">BHL")
_body_size: Final = struct.Struct(">Q")
_ack: Final = struct.Struct(">QB")
# Class and method number (sections 1.8.3.9, 1.8.3.10 and 1.8.3.13).
_DELIVER: Final = b"\x00\x3c\x00\x3c"
_RETURN: Final = b"\x00\x3c\x00\x32"
_ACK: Final = b"\x00\x3c\x00\x50"
_METHOD: Final = 1
_HEADER: Final = 2
_BODY: Final = 3
_END: Final = 0xCE
_PROTOCOL_HEADER: Final = ord("A")

# The application hears of lost connections through events, with the reason; pika's own account of the same would
# double it with tracebacks.
logging.getLogger("pika").setLevel(logging.CRITICAL)


class _Content:
    """A deliver or return whose content is still arriving."""

    __slots__ = ("arguments", "body", "is_delivery", "missing", "properties")

    def __init__(self, is_delivery: bool, arguments: tuple[Any, ...]) -> None:
        self.is_delivery = is_delivery
        self.arguments = arguments  # the method's, in its order
        self.properties = b""
        self.body: list[bytes] = []
        self.missing = -1  # -1 until the header frame says how much body follows


class Stream(AsyncioConnection):  # type: ignore[misc]
    """One AMQP connection on the running loop. Every method belongs to the I/O thread."""

    def __init__(self, *args: Any, custom_ioloop: asyncio.AbstractEventLoop, **options: Any) -> None:
        self._native_loop = custom_ioloop
        self._frame_buffer = b""  # the beginning of a frame whose rest has not arrived
        self._out: list[bytes] = []
        self._flush_scheduled = False
        self._ack_routes: dict[int, Acks] = {}
        self._delivery_routes: dict[int, Deliveries] = {}
        self._return_routes: dict[int, Returns] = {}
        self._contents: dict[int, _Content] = {}
        self._batch: list[RawDelivery] = []
        self._batch_channel = 0
        self._names: dict[bytes, str] = {}
        super().__init__(*args, custom_ioloop=custom_ioloop, **options)

    def route_confirms(self, channel_number: int, *, acks: Acks, returns: Returns) -> None:
        """Hand each `basic.ack` of a channel to `acks(tag, multiple)`, and each return to `returns`."""
        self._ack_routes[channel_number] = acks
        self._return_routes[channel_number] = returns

    def route_deliveries(self, channel_number: int, sink: Deliveries) -> None:
        """Hand the deliveries of a channel to `sink`, those of one read together, in order."""
        self._delivery_routes[channel_number] = sink

    def unroute(self, channel_number: int) -> None:
        """Send the channel's frames through pika again, and drop what is half there."""
        self._ack_routes.pop(channel_number, None)
        self._return_routes.pop(channel_number, None)
        self._delivery_routes.pop(channel_number, None)
        self._contents.pop(channel_number, None)

    @property
    def frame_max(self) -> int:
        """The negotiated frame size in bytes."""
        return int(self.params.frame_max)

    def _on_connection_workflow_done(self, outcome: Any) -> None:
        # Pika hands over the class, not an error, where a connect is aborted during the handshake, and trips over that.
        super()._on_connection_workflow_done(outcome() if isinstance(outcome, type) else outcome)

    # -- out ------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Queue whole frames; they leave at the end of this turn of the loop."""
        self._out.append(data)
        self.bytes_sent += len(data)
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._native_loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what is queued now."""
        self._flush_scheduled = False
        if not self._out:
            return
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        if self._transport is not None:
            super()._adapter_emit_data(data)

    def abort(self) -> None:
        """Drop the connection without a word to the broker, which may not be listening."""
        if self._transport is not None:
            self._transport.abort()

    def _adapter_emit_data(self, data: bytes) -> None:
        self._out.append(data)
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._native_loop.call_soon(self.flush)

    def _adapter_disconnect_stream(self) -> None:
        self.flush()
        super()._adapter_disconnect_stream()

    # -- in -------------------------------------------------------------------------------

    def _proto_connection_made(self, transport: Any) -> None:
        transport._MAX_RECV_BYTES = _READ_BYTES
        transport._MAX_CONSUME_BYTES = _READ_BYTES
        super()._proto_connection_made(transport)

    def _on_data_available(self, data_in: bytes) -> None:
        self.bytes_received += len(data_in)  # at once: any traffic is a sign of life (AMQP section 4.2.7)
        data = self._frame_buffer + data_in if self._frame_buffer else data_in
        self._frame_buffer = b""
        at, size = 0, len(data)
        while size - at >= 8:
            kind, channel, length = _frame_head.unpack_from(data, at)
            end = at + 8 + length
            if kind == _PROTOCOL_HEADER and data.startswith(b"AMQP", at):
                end = at + 8
            if end > size:
                self._check_length(length + 8)
                break
            if not (data[end - 1] == _END and self._read_in_place(kind, channel, data, at, end)):
                self._hand_over()
                self._process_frame(pika.frame.decode_frame(data[at:end])[1])
                if self._transport is None:
                    return
            at = end
        self._hand_over()
        self._frame_buffer = data[at:] if at else data

    def _check_length(self, length: int) -> None:
        """Refuse to wait for the rest of what cannot be a frame: another protocol's text read as a length."""
        if length > self.frame_max:
            raise pika.exceptions.InvalidFrameError(
                f"a frame of {length:,} bytes, where {self.frame_max:,} are allowed"
            )

    def _hand_over(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            route = self._delivery_routes.get(self._batch_channel)
            if route is not None:
                route(batch)

    def _read_in_place(self, kind: int, channel: int, data: bytes, at: int, end: int) -> bool:
        """Take a frame that belongs to a route; tell whether it did."""
        if kind == _METHOD:
            if not self._read_method(channel, data, at):
                return False
        else:
            content = self._contents.get(channel)
            if content is None:
                return False
            if kind == _BODY:
                piece = data[at + 7 : end - 1]
                content.body.append(piece)
                content.missing -= len(piece)
            elif kind == _HEADER:
                (content.missing,) = _body_size.unpack_from(data, at + 11)
                content.properties = data[at + 19 : end - 1]
            else:
                return False
            if content.missing == 0:
                del self._contents[channel]
                self._finish(channel, content)
        self.frames_received += 1
        return True

    def _read_method(self, channel: int, data: bytes, at: int) -> bool:
        method = data[at + 7 : at + 11]
        if method == _DELIVER and channel in self._delivery_routes:
            # consumer tag, delivery tag, redelivered, exchange, routing key
            consumer_tag, cursor = self._name(data, at + 11)
            tag = int.from_bytes(data[cursor : cursor + 8], "big")
            redelivered = data[cursor + 8] & 1 == 1
            exchange, cursor = self._name(data, cursor + 9)
            routing_key, _ = self._name(data, cursor)
            self._contents[channel] = _Content(True, (tag, redelivered, consumer_tag, exchange, routing_key))
            return True
        if method == _ACK and channel in self._ack_routes:
            tag, bits = _ack.unpack_from(data, at + 11)
            self._ack_routes[channel](tag, bits & 1 == 1)
            return True
        if method == _RETURN and channel in self._return_routes:
            # reply code, reply text, exchange, routing key
            code = int.from_bytes(data[at + 11 : at + 13], "big")
            text, cursor = self._name(data, at + 13)
            exchange, cursor = self._name(data, cursor)
            routing_key, _ = self._name(data, cursor)
            self._contents[channel] = _Content(False, (code, text, exchange, routing_key))
            return True
        return False

    def _finish(self, channel: int, content: _Content) -> None:
        if not content.is_delivery:
            self._return_routes[channel](RawReturn._make((*content.arguments, content.properties)))
            return
        if channel != self._batch_channel:
            self._hand_over()
            self._batch_channel = channel
        body = content.body[0] if len(content.body) == 1 else b"".join(content.body)
        self._batch.append(RawDelivery._make((*content.arguments, content.properties, body)))

    def _name(self, data: bytes, at: int) -> tuple[str, int]:
        """Read the short string at `at`; return it with where it ends."""
        end = at + 1 + data[at]
        raw = data[at + 1 : end]
        name = self._names.get(raw)
        if name is None:
            if len(self._names) >= 4096:
                self._names.clear()
            name = self._names[raw] = raw.decode("utf-8", "surrogateescape")
        return name, end
