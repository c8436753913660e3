"""What an application under test did, as values.

Not here: who writes them down (`recorder.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from warren.contracts.delivery import Delivery
from warren.contracts.message import Message
from warren.contracts.properties import Headers, Properties

__all__ = ["DeadLetter", "Handled", "HandlerError", "Published"]

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Published(Generic[M]):
    """A message the application published, and the broker confirmed."""

    message: M
    message_id: str
    exchange: str
    routing_key: str
    properties: Properties = field(repr=False)

    @property
    def headers(self) -> Headers:
        return self.properties.headers

    @property
    def correlation_id(self) -> str | None:
        return self.properties.correlation_id


@dataclass(frozen=True, slots=True)
class Handled:
    """A message whose handler returned, and which is acknowledged."""

    message: Message
    delivery: Delivery

    @property
    def attempt(self) -> int:
        return self.delivery.attempt


@dataclass(frozen=True, slots=True)
class HandlerError:
    """An attempt that ended with an exception: `error` is the object that was raised, traceback included."""

    message: Message
    delivery: Delivery
    error: BaseException


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in a dead-letter queue, with why it is there. `message` is None where its body fits no contract.

    `reason` is permanent, exhausted or contract; `error` is the text of the last error, `error_type` its class.
    """

    queue: str
    message: Message | None
    message_id: str
    type: str
    reason: str
    error: str
    error_type: str
    attempts: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    stack: str = field(repr=False, default="")

    def __str__(self) -> str:
        tries = "attempt" if self.attempts == 1 else "attempts"
        return (
            f"{self.queue}: {self.type or 'no type'} {self.message_id}: {self.reason} after {self.attempts} {tries}, "
            f"{self.error_type}: {self.error}"
        )
