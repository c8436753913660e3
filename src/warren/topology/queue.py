"""Queues as frozen values that refuse what the broker would refuse, with advice.

Not here: the AMQP arguments they stand for (`arguments.py`), the queues kept beside a consumer's queue (`consumer.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, final

from warren.errors import ConfigurationError
from warren.topology.duration import Duration
from warren.topology.frozen import (
    NO_ARGUMENTS,
    Arguments,
    assign,
    between,
    choice,
    declarable,
    name_of,
    refuse_owned,
    seconds,
)

__all__ = ["QUEUE_FIELDS", "Overflow", "Queue", "QueueType"]


class QueueType(StrEnum):
    """How the broker stores a queue: replicated by Raft, or on one node."""

    QUORUM = "quorum"
    CLASSIC = "classic"


class Overflow(StrEnum):
    """What the broker does with one message too many."""

    DROP_HEAD = "drop-head"
    REJECT_PUBLISH = "reject-publish"
    REJECT_PUBLISH_DLX = "reject-publish-dlx"  # classic queues only


QUEUE_FIELDS: Final = {
    "x-queue-type": "type",
    "x-max-priority": "priorities",
    "x-message-ttl": "message_ttl",
    "x-expires": "expires",
    "x-max-length": "max_length",
    "x-max-length-bytes": "max_length_bytes",
    "x-overflow": "overflow",
    "x-single-active-consumer": "single_active_consumer",
    "x-delivery-limit": "delivery_limit",
    "x-dead-letter-exchange": "dead_letter_exchange",
    "x-dead-letter-routing-key": "dead_letter_routing_key",
    "x-dead-letter-strategy": "overflow",
}
"""Which field of `Queue` stands for which argument of the broker."""


@final
@dataclass(frozen=True, slots=True, init=False)
class Queue:
    """Where messages wait for a consumer: a durable quorum queue unless said otherwise.

    `message_ttl` and `expires` are seconds, or text like "30s". `expires` has the broker delete the queue, messages
    included, once unused for so long. `overflow` only matters with a length limit: by default the publisher is
    refused (`Nacked`). `delivery_limit` is for quorum queues; RabbitMQ 4 has one of 20 when none is given.
    `external=True` says that the queue exists already: Warren checks that it is there and never declares or changes it.
    The dead-letter fields are set by Warren (`consumer_topology`).
    """

    name: str
    type: QueueType
    durable: bool
    priorities: int | None
    message_ttl: float | None
    expires: float | None
    max_length: int | None
    max_length_bytes: int | None
    overflow: Overflow | None
    single_active_consumer: bool
    delivery_limit: int | None
    dead_letter_exchange: str | None
    dead_letter_routing_key: str | None
    external: bool
    arguments: Arguments = field(hash=False)

    def __init__(
        self,
        name: str,
        *,
        type: QueueType | Literal["quorum", "classic"] = QueueType.QUORUM,  # noqa: A002 - AMQP's word
        durable: bool = True,
        priorities: int | None = None,
        message_ttl: Duration | None = None,
        expires: Duration | None = None,
        max_length: int | None = None,
        max_length_bytes: int | None = None,
        overflow: Overflow | Literal["drop-head", "reject-publish", "reject-publish-dlx"] | None = None,
        single_active_consumer: bool = False,
        delivery_limit: int | None = None,
        dead_letter_exchange: str | None = None,
        dead_letter_routing_key: str | None = None,
        external: bool = False,
        arguments: Arguments = NO_ARGUMENTS,
    ) -> None:
        name_of(name, "queue")
        here = f"queue {name!r}"
        refuse_owned(arguments, QUEUE_FIELDS, here)
        assign(
            self,
            name=name,
            type=choice(QueueType, type, f"{here}: type"),
            durable=durable,
            priorities=between(priorities, 1, 255, f"{here}: priorities"),
            message_ttl=seconds(message_ttl, f"{here}: message_ttl"),
            expires=seconds(expires, f"{here}: expires"),
            max_length=between(max_length, 1, None, f"{here}: max_length"),
            max_length_bytes=between(max_length_bytes, 1, None, f"{here}: max_length_bytes"),
            overflow=None if overflow is None else choice(Overflow, overflow, f"{here}: overflow"),
            single_active_consumer=single_active_consumer,
            delivery_limit=between(delivery_limit, 1, None, f"{here}: delivery_limit"),
            dead_letter_exchange=dead_letter_exchange,
            dead_letter_routing_key=dead_letter_routing_key,
            external=external,
            arguments=declarable(arguments, here),
        )
        _check_queue(self)

    @property
    def has_length_limit(self) -> bool:
        """Whether the queue may be full."""
        return self.max_length is not None or self.max_length_bytes is not None


def _check_queue(queue: Queue) -> None:
    here = f"queue {queue.name!r}"
    if queue.name.startswith("amq."):
        raise ConfigurationError(f"{here}: names that start with 'amq.' belong to the broker; choose another")
    if queue.type is QueueType.QUORUM:
        if not queue.durable:
            raise ConfigurationError(
                f'{here}: quorum queues are always durable; for a transient one say type="classic"'
            )
        if queue.priorities is not None:
            raise ConfigurationError(
                f"{here}: quorum queues take no priorities=: RabbitMQ 4 gives them two unasked, 3.10 has none; "
                f'leave it out, or say type="classic"'
            )
        if queue.overflow is Overflow.REJECT_PUBLISH_DLX:
            raise ConfigurationError(f'{here}: quorum queues know overflow "reject-publish" and "drop-head" only')
    elif queue.delivery_limit is not None:
        raise ConfigurationError(f"{here}: classic queues have no delivery_limit; use a quorum queue")
    if queue.dead_letter_routing_key is not None and queue.dead_letter_exchange is None:
        raise ConfigurationError(f"{here}: a dead_letter_routing_key needs a dead_letter_exchange")
