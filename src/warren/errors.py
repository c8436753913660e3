"""Every error Warren raises, grouped by what the caller should do.

Not here: outcomes of a single publish or delivery, which are types, not exceptions.

    WarrenError
    ├── ConfigurationError          fix the code or the settings, then start again
    │   ├── ContractDefinitionError     a message class is declared wrongly
    │   ├── HandlerSignatureError       a handler cannot be called with its message
    │   ├── TopologyConflict            the broker has it, but different
    │   ├── TopologyMissing             the broker does not have it, and may not be changed
    │   └── BrokerRefused               login, virtual host or permission refused
    ├── BrokerUnavailable           wait and try again: no broker host answers
    ├── StoreUnavailable            wait and try again: the store of keys, or of bodies, does not answer
    ├── BodyMissing                 a large body is not in its store (yet)
    ├── PublishError                the message was not confirmed
    │   ├── Unroutable                  certain: no queue received it
    │   ├── Nacked                      refused: a queue did not take it, other queues of the exchange may have it
    │   ├── Blocked                     certain: it never left this process
    │   ├── MessageTooLarge             certain: refused before it was sent
    │   ├── Indeterminate               unknown: sent, and no answer before the deadline
    │   └── PublishManyError            some of a batch failed; the rest are confirmed
    ├── ContractError               this message can never be processed as it is
    │   ├── Undecodable                 the body is not JSON, or too large to look at
    │   ├── BodyChanged                 a large body is not what was sent
    │   ├── InvalidPayload              a field is missing or has the wrong type
    │   ├── UnknownType                 no contract of this consumer has that type
    │   └── UnknownVersion              the contract has another version
    ├── Permanent                   raised by handlers: dead-letter at once
    └── Transient                   raised by handlers: retry after a delay
        └── RetryAfter                  with the delay the handler asks for
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "Blocked",
    "BodyChanged",
    "BodyMissing",
    "BrokerRefused",
    "BrokerUnavailable",
    "ConfigurationError",
    "ContractDefinitionError",
    "ContractError",
    "HandlerSignatureError",
    "Indeterminate",
    "InvalidPayload",
    "MessageTooLarge",
    "Nacked",
    "Permanent",
    "PublishError",
    "PublishManyError",
    "RetryAfter",
    "StoreUnavailable",
    "TopologyConflict",
    "TopologyMissing",
    "Transient",
    "Undecodable",
    "UnknownType",
    "UnknownVersion",
    "Unroutable",
    "WarrenError",
]


class WarrenError(Exception):
    """Root of every error Warren raises."""


# -- fix the code or the settings ---------------------------------------------------------


class ConfigurationError(WarrenError):
    """The code or the settings are wrong; starting again unchanged cannot help."""


class ContractDefinitionError(ConfigurationError):
    """A message class is declared wrongly."""


class HandlerSignatureError(ConfigurationError):
    """A handler's parameters do not fit what a consumer passes."""


class TopologyConflict(ConfigurationError):
    """An exchange, queue or binding exists on the broker with other properties.

    `differences` holds one readable line each.
    """

    def __init__(self, message: str, differences: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.differences = tuple(differences)


class TopologyMissing(ConfigurationError):
    """Something the application needs is not on the broker, and applying was switched off."""

    def __init__(self, message: str, missing: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.missing = tuple(missing)


class BrokerRefused(ConfigurationError):
    """The broker answered and refused: login, virtual host, permission or TLS."""


# -- wait and try again -------------------------------------------------------------------


class BrokerUnavailable(WarrenError):
    """No configured broker host could be reached in time, or not the node that keeps a queue."""


class StoreUnavailable(WarrenError):
    """The store of idempotency keys, or the one of large bodies, could not be reached, or failed."""


class BodyMissing(WarrenError):
    """A message refers to a body that its store does not have, or not yet. Workers retry it under their policy."""


# -- publishing ---------------------------------------------------------------------------


class PublishError(WarrenError):
    """A message was not confirmed by the broker."""


class Unroutable(PublishError):
    """No queue received the message: a binding or the exchange is missing. It is not stored."""


class Nacked(PublishError):
    """The broker refused the message, for example because a queue is full (`reject-publish`).

    Where the exchange routes it to several queues, the others may have it: publish it again under the same message id.
    """


class Blocked(PublishError):
    """The message never left this process before its deadline. Publishing it again is safe."""


class MessageTooLarge(PublishError):
    """The body exceeds the size limit; it was refused before it was sent."""


class Indeterminate(PublishError):
    """The message was sent, and the broker did not answer before the deadline.

    It may or may not be stored. Publish it again only under the same message id.
    """


class PublishManyError(PublishError):
    """Some messages of a batch failed. `failures` pairs each with its error; `confirmed` counts the others."""

    def __init__(self, failures: Sequence[tuple[Any, PublishError]], confirmed: int) -> None:
        first = failures[0][1]
        super().__init__(
            f"{len(failures)} of {len(failures) + confirmed} messages failed; "
            f"the first: {type(first).__name__}: {first}"
        )
        self.failures = tuple(failures)
        self.confirmed = confirmed


# -- contracts ----------------------------------------------------------------------------


class ContractError(WarrenError):
    """A message does not fit the contract of its consumer. Never retried."""


class Undecodable(ContractError):
    """The body is not JSON, is in another encoding, or exceeds the size limit."""


class BodyChanged(ContractError):
    """The store has another body than was sent: its size or its SHA-256 differs."""


class InvalidPayload(ContractError):
    """The JSON does not fit the contract; the text names field, expected and got.

    `fields` holds the first fields that do not fit, each with the reason; none where several contracts were tried.
    """

    def __init__(self, message: str, fields: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.fields = tuple(fields)


class UnknownType(ContractError):
    """The message's type is none of the types this consumer handles."""


class UnknownVersion(ContractError):
    """The message's version is not the version of this consumer's contract."""


# -- raised by handlers -------------------------------------------------------------------


class Permanent(WarrenError):
    """Raise in a handler when no retry can help: the message is dead-lettered at once."""


class Transient(WarrenError):
    """Raise in a handler when a later attempt may succeed: the message is retried after a delay."""


class RetryAfter(Transient):
    """A transient failure that asks for a delay of its own. Build it with `Retry.after(seconds)`."""

    def __init__(self, seconds: float, reason: str = "") -> None:
        super().__init__(reason or f"retry after {seconds:g} s")
        self.seconds = seconds
