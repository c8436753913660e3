"""What is refused of declarations: another exchange than the one there is, one queue too many, another's queue; and
what is refused of deleting a queue.

Not here: the arguments of queues (`arguments.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from warren.broker import parameters
from warren.broker.model.exchange import ALTERNATE, Exchange
from warren.broker.model.queue_settings import Kind
from warren.broker.protocol.fields import type_name
from warren.broker.replies import ChannelClosed, access_refused, not_implemented, precondition_failed, resource_locked

if TYPE_CHECKING:
    from warren.broker.model.queue import Queue
    from warren.broker.model.vhost import VirtualHost

__all__ = [
    "check_deletion",
    "check_equivalent_exchange",
    "check_not_default",
    "check_queue_limit",
    "locked",
    "with_default_type",
]


_NEED_TO_LAST: Final = frozenset({"quorum", "stream"})
"""Types of queues that are durable, and neither exclusive nor auto-delete. Every other queue is a classic one."""


def check_not_default(*exchanges: str) -> None:
    """Raise 403 if one of the names is that of the default exchange."""
    if "" in exchanges:
        raise access_refused("operation not permitted on the default exchange")


def with_default_type(vhost: VirtualHost, arguments: Mapping[str, Any], *, is_lasting: bool) -> Mapping[str, Any]:
    """Add the queue type that a virtual host gives to queues that do not ask for one, unless they cannot have it.

    `is_lasting`: the queue is durable, and neither exclusive nor auto-delete.
    """
    kind = parameters.vhost_metadata(vhost.node, vhost.name)["default_queue_type"]
    if not is_lasting or "x-queue-type" in arguments or kind not in _NEED_TO_LAST:
        return arguments
    return {**arguments, "x-queue-type": kind}


def check_queue_limit(vhost: VirtualHost, name: str) -> None:
    """Raise 406 where a virtual host has as many queues as it may."""
    limit = parameters.limits(vhost.node, vhost.name).get("max-queues", -1)
    if 0 <= limit <= len(vhost.queues):
        raise precondition_failed(
            f"cannot declare queue '{name}': queue limit in vhost '{vhost.name}' ({limit}) is reached"
        )


def check_deletion(queue: Queue, *, if_unused: bool, if_empty: bool) -> None:
    """Raise 406 where a queue is to be deleted only if it is empty or unused, and is not.

    Raises 540 for a quorum queue, which RabbitMQ deletes without such conditions only.
    """
    what = f"queue '{queue.name}' in vhost '{queue.vhost.name}'"
    if queue.kind is Kind.QUORUM and (if_unused or if_empty):
        raise not_implemented(
            f"cannot delete {what}. queue.delete operations with {'if-unused' if if_unused else 'if-empty'} flag set"
            " are not supported by quorum queues"
        )
    if if_empty and queue.ready_count:
        raise precondition_failed(f"{what} not empty")
    if if_unused and queue.consumer_count:
        raise precondition_failed(f"{what} in use")


def check_equivalent_exchange(
    exchange: Exchange,
    kind: str,
    arguments: Mapping[str, Any],
    *,
    durable: bool,
    auto_delete: bool,
    internal: bool,
) -> None:
    """Raise 406 unless a declaration describes `exchange`. Of the arguments only the alternate exchange counts."""
    for name, received, current in (
        ("type", kind, exchange.type),
        ("durable", durable, exchange.durable),
        ("auto_delete", auto_delete, exchange.auto_delete),
        ("internal", internal, exchange.internal),
    ):
        if received != current:
            raise _inequivalent(name, exchange, f"received '{_shown(received)}' but current is '{_shown(current)}'")
    given, known = arguments.get(ALTERNATE), exchange.arguments.get(ALTERNATE)
    if ALTERNATE not in arguments and ALTERNATE not in exchange.arguments:
        return
    if ALTERNATE not in exchange.arguments:
        raise _inequivalent(ALTERNATE, exchange, f"received {_whole(given)} but current is none")
    if ALTERNATE not in arguments:
        raise _inequivalent(ALTERNATE, exchange, f"received none but current is {_whole(known)}")
    if given != known:
        raise _inequivalent(ALTERNATE, exchange, f"received '{_shown(given)}' but current is '{_shown(known)}'")


def _inequivalent(name: str, exchange: Exchange, difference: str) -> ChannelClosed:
    return precondition_failed(f"inequivalent arg '{name}' for {exchange.described}: {difference}")


def _whole(value: Any) -> str:
    return f"the value '{_shown(value)}' of type '{type_name(value)}'"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def locked(queue: Queue) -> ChannelClosed:
    """Return the refusal of a queue that is another connection's own."""
    return resource_locked(
        f"cannot obtain exclusive access to locked queue '{queue.name}' in vhost '{queue.vhost.name}'. It could be"
        " originally declared on another connection or the exclusive property value does not match that of the"
        " original declaration."
    )
