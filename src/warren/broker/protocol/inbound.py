"""Bytes of a client to commands: methods with their complete content, each on its channel.

Not here: what a command does and whether it may come now (`session.py`), the protocol header (`handshake.py`).

The loop in `Inbound` takes the two things that come a hundred thousand times a second in one go: a publish whose three
frames lie in the chunk, and a run of acknowledgements. All other frames are cut out there and handed to `Assembly`.
"""

from __future__ import annotations

import re
import struct
from struct import Struct
from typing import Final

from warren.broker.protocol import refusals
from warren.broker.protocol.assembly import Assembly
from warren.broker.protocol.commands import Acks, Command, ContentTooLarge
from warren.broker.protocol.constants import BASIC, BODY, FRAME_END, FRAME_OVERHEAD, HEADER, METHOD
from warren.broker.protocol.decoding import decode_method, find_publish
from warren.broker.protocol.methods import BasicAck, ConnectionClose, ConnectionCloseOk
from warren.broker.protocol.violations import FrameViolation

__all__ = ["Acks", "Command", "ContentTooLarge", "Inbound"]

_frame_at: Final = Struct(">BHI").unpack_from  # type, channel, payload size
_header_at: Final = Struct(">BHIIQ").unpack_from  # type, channel, payload size, class and weight, body size
_ack: Final = Struct(">4xQ?").unpack  # of a payload
_tags: Final = Struct(">11xQ2x").iter_unpack

_PREFIX: Final = 7  # octets of a frame before its payload
_NO_LIMIT: Final = 1 << 32
_BASIC_WEIGHTLESS: Final = BASIC << 16
_CLOSES: Final = (ConnectionClose.IDS, ConnectionCloseOk.IDS)

# A run of basic.ack on one channel: type 1, channel, size 13, class 60, method 80, tag, no `multiple`, frame end.
_ACK_PAYLOAD: Final = 13
_ACK_PREFIX: Final = 11  # the same in all of a run
_ack_run: Final = re.compile(
    rb"\x01(..)\x00\x00\x00\x0d\x00\x3c\x00\x50.{8}\x00\xce(?:\x01\1\x00\x00\x00\x0d\x00\x3c\x00\x50.{8}\x00\xce)*+",
    re.DOTALL,
).match


class Inbound:
    """Splits what one client sends.

    A violation ends it: `violation` is set, and from then on only a close or close-ok of the connection comes out.

    Begin with the largest frame_max that can be agreed on, so that a client which does not wait for replies can send
    a full frame behind its tune-ok; then set `frame_max` to what was agreed on. 0 is no limit.
    """

    __slots__ = (
        "_assembly",
        "_is_broken",
        "_is_closing",
        "_needed",
        "_pending",
        "_pending_size",
        "frame_max",
        "violation",
    )

    def __init__(self, frame_max: int, max_message_size: int) -> None:
        self.frame_max = frame_max
        self.violation: FrameViolation | None = None
        self._assembly = Assembly(max_message_size)
        self._is_closing = False
        self._is_broken = False  # where the next frame begins is not known
        # The bytes of an incomplete frame as they came: joined once, when `_needed` of them are there.
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._needed = 0

    def close(self) -> None:
        """Let only a close or close-ok of the connection through, as is right after sending a connection.close."""
        self._is_closing = True
        self._assembly.contents.clear()

    def forget(self, channel: int) -> None:
        """Drop the incomplete content of a channel that is gone."""
        self._assembly.contents.pop(channel, None)

    def receive(self, data: bytes) -> list[Command]:
        """Take the next bytes; return the commands they complete."""
        if self._pending:
            self._pending.append(data)
            self._pending_size += len(data)
            if self._pending_size < self._needed:
                return []
            data = b"".join(self._pending)
            self._pending.clear()
        commands: list[Command] = []
        split = self._split_closing if self._is_closing else self._split
        at = split(data, commands)
        if at < len(data):
            self._keep(data[at:])
        return commands

    def _keep(self, rest: bytes) -> None:
        """Wait until the frame that `rest` begins is complete."""
        self._pending.append(rest)
        self._pending_size = len(rest)
        self._needed = _PREFIX
        if len(rest) >= _PREFIX:
            self._needed = _frame_at(rest)[2] + FRAME_OVERHEAD

    def _split(self, data: bytes, commands: list[Command]) -> int:  # noqa: C901  # a call costs more than a branch
        """Add the commands that `data` completes; return where its first incomplete frame begins."""
        assembly = self._assembly
        contents = assembly.contents
        limit = self.frame_max or _NO_LIMIT
        limit_body = min(limit, assembly.max_message_size)
        add = commands.append
        end = len(data)
        at = 0
        while end - at >= _PREFIX:
            kind, channel, size = _frame_at(data, at)
            stop = at + _PREFIX + size
            if size > limit:
                return self._break(refusals.too_large(kind, size, limit), end)
            if stop >= end:
                break
            if data[stop] != FRAME_END:
                return self._break(refusals.bad_end(kind, data[at + _PREFIX : stop], data[stop]), end)
            payload = data[at + _PREFIX : stop]
            if kind == METHOD and channel not in contents:
                if size == _ACK_PAYLOAD and payload.startswith(BasicAck.IDS):
                    tag, multiple = _ack(payload)
                    if multiple:
                        add((channel, BasicAck(tag, True), None, None))
                    elif data.startswith(data[at : at + _ACK_PREFIX], stop + 1) and (run := _ack_run(data, at)):
                        add((channel, Acks([tag for (tag,) in _tags(run[0])]), None, None))
                        stop = run.end() - 1
                    else:
                        add((channel, Acks([tag]), None, None))
                    at = stop + 1
                    continue
                publish = find_publish(payload)
                if publish is not None:
                    # The header frame has its type at stop + 1, class, weight and body size at stop + 8.
                    try:
                        kind_2, channel_2, size_2, class_weight, size_body = _header_at(data, stop + 1)
                        header_end = stop + 8 + size_2
                        if (
                            kind_2 == HEADER
                            and channel_2 == channel
                            and 12 <= size_2 <= limit
                            and class_weight == _BASIC_WEIGHTLESS
                            and size_body <= limit_body
                            and data[header_end] == FRAME_END
                        ):
                            if not size_body:
                                add((channel, publish, data[stop + 20 : header_end], b""))
                                at = header_end + 1
                                continue
                            kind_3, channel_3, size_3 = _frame_at(data, header_end + 1)
                            body = header_end + 8
                            end_3 = body + size_3
                            if (
                                kind_3 == BODY
                                and channel_3 == channel
                                and size_3 == size_body
                                and data[end_3] == FRAME_END
                            ):
                                add((channel, publish, data[stop + 20 : header_end], data[body:end_3]))
                                at = end_3 + 1
                                continue
                    except (struct.error, IndexError):
                        pass  # not all in this chunk
            try:
                command = assembly.take(kind, channel, payload)
            except FrameViolation as violation:
                return self._break(violation, stop + 1)
            at = stop + 1
            if command is not None:
                add(command)
        return at

    def _break(self, violation: FrameViolation, at: int) -> int:
        self.violation = violation
        self._is_broken = violation.is_fatal
        self.close()
        return at

    def _split_closing(self, data: bytes, commands: list[Command]) -> int:
        """Add what closes the connection; return where the first incomplete frame begins."""
        end = len(data)
        limit = self.frame_max or _NO_LIMIT
        at = 0
        while end - at >= _PREFIX and not self._is_broken:
            kind, channel, size = _frame_at(data, at)
            start, stop = at + _PREFIX, at + _PREFIX + size
            self._is_broken = size > limit
            if stop >= end:
                break
            if kind == METHOD and not channel and data[start : start + 4] in _CLOSES:
                try:
                    commands.append((0, decode_method(data[start:stop]), None, None))
                except FrameViolation:
                    self._is_broken = True
            at = stop + 1
        return end if self._is_broken else at
