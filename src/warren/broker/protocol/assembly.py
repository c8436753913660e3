"""Single frames to methods with their content, by channel: the order method, header, bodies (AMQP 0-9-1, 4.2.6).

Not here: where frames begin and end (`inbound.py`).
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from warren.broker.protocol import refusals
from warren.broker.protocol.commands import Command, ContentTooLarge
from warren.broker.protocol.constants import BODY, HEADER, HEARTBEAT, METHOD
from warren.broker.protocol.decoding import decode_method
from warren.broker.protocol.methods import BasicDeliver, BasicGetOk, BasicPublish, BasicReturn, Method

__all__ = ["Assembly"]

_WITH_CONTENT: Final = (BasicPublish, BasicReturn, BasicDeliver, BasicGetOk)
_IDS = 4  # octets of the class and method id
_header: Final = Struct(">HHQ")  # class, weight, body size


class _Content:
    """A method whose content is not complete."""

    __slots__ = ("header", "method", "parts", "remaining", "size")

    def __init__(self, method: Method) -> None:
        self.method = method
        self.header: bytes | None = None  # None until the header frame came
        self.size = 0
        # Of the body. Below 0 if more came than was announced: as in RabbitMQ, it never completes then.
        self.remaining = 0
        self.parts: list[bytes] = []


class Assembly:
    """The incomplete contents of one connection."""

    __slots__ = ("contents", "max_message_size")

    def __init__(self, max_message_size: int) -> None:
        self.max_message_size = max_message_size
        self.contents: dict[int, _Content] = {}  # by channel

    def take(self, kind: int, channel: int, payload: bytes) -> Command | None:
        """Take one frame; return the command it completes. Raises FrameViolation."""
        if kind == METHOD and len(payload) >= _IDS:
            return self._method(channel, payload)
        if kind == HEARTBEAT and not payload:
            if channel:
                raise refusals.out_of_place(kind, payload)
            return None
        if not (kind == BODY or (kind == HEADER and len(payload) >= _header.size)):
            raise refusals.unknown_frame(kind, payload)
        if not channel:
            raise refusals.out_of_place(kind, payload)
        content = self.contents.get(channel)
        if content is None:
            raise refusals.no_method()
        if kind == HEADER:
            return self._header(channel, content, payload)
        return self._body(channel, content, payload)

    def _method(self, channel: int, payload: bytes) -> Command | None:
        content = self.contents.get(channel)
        if content is not None:
            raise refusals.no_header(content.method) if content.header is None else refusals.no_body(content.method)
        method = decode_method(payload)
        if channel and isinstance(method, _WITH_CONTENT):
            self.contents[channel] = _Content(method)
            return None
        return channel, method, None, None

    def _header(self, channel: int, content: _Content, payload: bytes) -> Command | None:
        if content.header is not None:
            raise refusals.no_body(content.method)
        class_id, weight, size = _header.unpack_from(payload)
        if weight:
            raise refusals.no_header(content.method)
        if class_id != content.method.CLASS_ID:
            raise refusals.wrong_class(content.method, class_id)
        content.header = payload[_header.size :]
        content.size = content.remaining = size
        return self._completed(channel, content)

    def _body(self, channel: int, content: _Content, payload: bytes) -> Command | None:
        if content.header is None:
            raise refusals.no_header(content.method)
        content.remaining -= len(payload)
        if content.remaining >= 0 and content.size <= self.max_message_size:
            content.parts.append(payload)
        else:
            content.parts.clear()
        return self._completed(channel, content)

    def _completed(self, channel: int, content: _Content) -> Command | None:
        if content.remaining:
            return None
        del self.contents[channel]
        if content.size > self.max_message_size:
            return channel, ContentTooLarge(content.size, self.max_message_size), None, None
        return channel, content.method, content.header, b"".join(content.parts)
