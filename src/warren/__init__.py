"""Reliable messaging on RabbitMQ with Pika: contracts, confirms, retries, dead letters, idempotency.

Names are imported when they are first used: `import warren` alone costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warren.app import Warren
    from warren.async_publishing import AsyncPublisher
    from warren.claim_check.check import ClaimCheck
    from warren.config import WorkerSettings
    from warren.contracts.delivery import Delivery
    from warren.contracts.fields import SecretText
    from warren.contracts.message import Message
    from warren.contracts.upcasting import upcaster
    from warren.errors import (
        Blocked,
        BodyChanged,
        BodyMissing,
        BrokerRefused,
        BrokerUnavailable,
        ConfigurationError,
        ContractDefinitionError,
        ContractError,
        HandlerSignatureError,
        Indeterminate,
        InvalidPayload,
        MessageTooLarge,
        Nacked,
        Permanent,
        PublishError,
        PublishManyError,
        RetryAfter,
        StoreUnavailable,
        TopologyConflict,
        TopologyMissing,
        Transient,
        Undecodable,
        UnknownType,
        UnknownVersion,
        Unroutable,
        WarrenError,
    )
    from warren.publish_core import Receipt
    from warren.publishing import Publisher
    from warren.reliability.retry import Retry
    from warren.topology import Exchange, Headers, Queue

__version__ = "0.1.0"

_ERRORS = [
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

_HOMES = {
    **dict.fromkeys(_ERRORS, "warren.errors"),
    "AsyncPublisher": "warren.async_publishing",
    "ClaimCheck": "warren.claim_check.check",
    "Delivery": "warren.contracts.delivery",
    "Exchange": "warren.topology",
    "Headers": "warren.topology",
    "Message": "warren.contracts.message",
    "Publisher": "warren.publishing",
    "Queue": "warren.topology",
    "Receipt": "warren.publish_core",
    "Retry": "warren.reliability.retry",
    "SecretText": "warren.contracts.fields",
    "Warren": "warren.app",
    "WorkerSettings": "warren.config",
    "upcaster": "warren.contracts.upcasting",
}

__all__ = [
    "AsyncPublisher",
    "Blocked",
    "BodyChanged",
    "BodyMissing",
    "BrokerRefused",
    "BrokerUnavailable",
    "ClaimCheck",
    "ConfigurationError",
    "ContractDefinitionError",
    "ContractError",
    "Delivery",
    "Exchange",
    "HandlerSignatureError",
    "Headers",
    "Indeterminate",
    "InvalidPayload",
    "Message",
    "MessageTooLarge",
    "Nacked",
    "Permanent",
    "PublishError",
    "PublishManyError",
    "Publisher",
    "Queue",
    "Receipt",
    "Retry",
    "RetryAfter",
    "SecretText",
    "StoreUnavailable",
    "TopologyConflict",
    "TopologyMissing",
    "Transient",
    "Undecodable",
    "UnknownType",
    "UnknownVersion",
    "Unroutable",
    "Warren",
    "WarrenError",
    "WorkerSettings",
    "upcaster",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'warren' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
