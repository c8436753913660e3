"""What comes out of `Inbound`: methods with their content, and what stands for methods there.

Not here: how bytes become commands (`inbound.py`), the methods (`methods.py`).
"""

from __future__ import annotations

from typing import TypeAlias

from warren.broker.protocol.methods import BasicAck, BasicPublish, Method

__all__ = ["Acks", "Command", "ContentTooLarge"]


class Acks(Method):
    """Consecutive basic.ack on one channel, all without `multiple`; also a single one."""

    __slots__ = ("tags",)
    CLASS_ID = BasicAck.CLASS_ID
    METHOD_ID = BasicAck.METHOD_ID
    NAME = BasicAck.NAME
    IDS = BasicAck.IDS

    def __init__(self, tags: list[int]) -> None:
        self.tags = tags

    def _key(self) -> object:
        return tuple(self.tags)


class ContentTooLarge(Method):
    """A publish whose body has passed, and was not kept because it is larger than allowed."""

    __slots__ = ("limit", "size")
    CLASS_ID = BasicPublish.CLASS_ID
    METHOD_ID = BasicPublish.METHOD_ID
    NAME = BasicPublish.NAME
    IDS = BasicPublish.IDS

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit

    def _key(self) -> object:
        return self.size, self.limit


Command: TypeAlias = tuple[int, Method, bytes | None, bytes | None]
"""Channel, method, and of a method with content: property flags and values, body."""
