"""What all methods have in common, and how their arguments are read and written.

Not here: the methods (`methods.py`, generated), field tables (`fields.py`).
"""

from __future__ import annotations

from typing import ClassVar, Self

from warren.broker.model.message import Address

__all__ = ["Method", "address", "bits", "end", "long_string", "read_long", "read_short", "text"]


class Method:
    """One AMQP method with its arguments. On its own: a method without any."""

    __slots__: tuple[str, ...] = ()

    CLASS_ID: ClassVar[int]
    METHOD_ID: ClassVar[int]
    NAME: ClassVar[str]
    IDS: ClassVar[bytes]  # both ids, as a payload begins

    def encode(self) -> bytes:
        """Return the payload of a method frame."""
        return self.IDS

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read the payload of a method frame whose ids are known.

        Raises IndexError for a broken layout, FieldError for a broken table in it, UnicodeDecodeError.
        """
        end(payload, 4)
        return cls()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Method) and type(other) is type(self) and other._key() == self._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> object:
        """What is equal in equal methods."""
        return self.encode()

    def __repr__(self) -> str:
        arguments = "".join(f" {name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"<{self.NAME}{arguments}>"


# Slices past the end are short without an error: what is missing shows in `end`, which every `decode` calls once it
# has split the payload. Only then it looks into the parts, so that a broken layout is told from a broken table.


def end(payload: bytes, at: int) -> None:
    """Check that the arguments end exactly where the payload does."""
    if at != len(payload):
        raise IndexError("arguments longer or shorter than the payload")


def read_short(payload: bytes, at: int) -> tuple[bytes, int]:
    after = at + 1 + payload[at]
    return payload[at + 1 : after], after


def read_long(payload: bytes, at: int) -> tuple[bytes, int]:
    after = at + 4 + int.from_bytes(payload[at : at + 4], "big")
    return payload[at + 4 : after], after


def text(raw: bytes) -> str:
    """Read a short string that names something: RabbitMQ takes only UTF-8. Raises UnicodeDecodeError."""
    return raw.decode()


def address(exchange: bytes, routing_key: bytes) -> Address:
    """Read where a message goes: RabbitMQ takes any bytes here."""
    return Address(exchange.decode("utf-8", "surrogateescape"), routing_key.decode("utf-8", "surrogateescape"))


def long_string(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw


def bits(*flags: bool) -> bytes:
    """Return up to eight bits in one octet, the first in the lowest (AMQP 0-9-1, 4.2.5.2)."""
    return bytes((sum(flag << place for place, flag in enumerate(flags)),))
