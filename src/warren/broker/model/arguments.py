"""The arguments of a queue as a client declares them: which are valid, and which are the same again.

Not here: which values they may have (`argument_values.py`), and what they come to with a policy (`queue_settings.py`).

RabbitMQ checks a new queue in this order, and the first failure is the reply: its type, the values of the arguments
that type knows, arguments of other types, and properties. Arguments that no type knows are kept and ignored. A queue
that exists is only compared, on the arguments its type knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from warren.broker.model.argument_values import CHECKS, INTEGERS, check_type
from warren.broker.model.queue_settings import Kind
from warren.broker.protocol.fields import FieldValue, type_name
from warren.broker.replies import ChannelClosed, precondition_failed
from warren.broker.settings import Profile

if TYPE_CHECKING:
    from warren.broker.model.queue import Queue

__all__ = ["check_declaration", "check_equivalent"]

_COMPARED: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.CLASSIC: (
        "x-expires",
        "x-message-ttl",
        "x-dead-letter-exchange",
        "x-dead-letter-routing-key",
        "x-max-length",
        "x-max-length-bytes",
        "x-max-priority",
        "x-overflow",
        "x-queue-mode",
        "x-queue-version",
        "x-single-active-consumer",
        "x-queue-type",
        "x-queue-master-locator",
        "x-queue-leader-locator",
    ),
    Kind.QUORUM: (
        "x-dead-letter-exchange",
        "x-dead-letter-routing-key",
        "x-dead-letter-strategy",
        "x-expires",
        "x-max-length",
        "x-max-length-bytes",
        "x-max-in-memory-length",
        "x-max-in-memory-bytes",
        "x-overflow",
        "x-single-active-consumer",
        "x-queue-type",
        "x-quorum-initial-group-size",
        "x-delivery-limit",
        "x-message-ttl",
        "x-queue-leader-locator",
    ),
}
"""The arguments each type knows, in the order in which RabbitMQ compares them."""

_REFUSED: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.CLASSIC: (
        "x-dead-letter-strategy",
        "x-delivery-limit",
        "x-max-in-memory-length",
        "x-max-in-memory-bytes",
        "x-quorum-initial-group-size",
        "x-max-age",
        "x-stream-max-segment-size-bytes",
        "x-initial-cluster-size",
    ),
    Kind.QUORUM: (
        "x-max-priority",
        "x-queue-mode",
        "x-queue-version",
        "x-queue-master-locator",
        "x-max-age",
        "x-stream-max-segment-size-bytes",
        "x-initial-cluster-size",
    ),
}
"""The arguments of other types, in the order in which RabbitMQ refuses them."""


# -- a new queue --------------------------------------------------------------------------


def check_declaration(
    name: str,
    vhost: str,
    arguments: Mapping[str, FieldValue],
    *,
    durable: bool,
    exclusive: bool,
    auto_delete: bool,
    profile: Profile,
) -> None:
    """Raise 406 unless RabbitMQ would make this queue; an empty `name` asks for one of the server's choice."""
    where = f"for queue '{name}' in vhost '{vhost}'"
    exchange = arguments.get("x-dead-letter-exchange", "")
    if not isinstance(exchange, str):
        kind = type_name(exchange)
        raise precondition_failed(
            f"invalid type '{kind}' for arg 'x-dead-letter-exchange' in queue '{name}' in vhost '{vhost}'"
        )
    if "x-queue-type" in arguments and (wrong := check_type(arguments["x-queue-type"])):
        raise _invalid("x-queue-type", where, wrong)
    kind_of_queue = Kind.of(arguments)
    if kind_of_queue is Kind.QUORUM and not name:
        raise precondition_failed("Cannot declare a server-named queue for type rabbit_quorum_queue")
    _check_values(arguments, where, kind_of_queue, profile)
    if kind_of_queue is Kind.QUORUM:
        _check_quorum_properties(where, durable=durable, exclusive=exclusive, auto_delete=auto_delete)


def _check_values(arguments: Mapping[str, FieldValue], where: str, kind: Kind, profile: Profile) -> None:
    refused = _REFUSED[kind]
    if profile is Profile.RABBITMQ_3_10 and kind is Kind.CLASSIC:
        refused = (refused[0], "x-queue-leader-locator", *refused[1:])
    for argument, check in CHECKS.items():
        if argument in arguments and argument not in refused and (wrong := check(arguments[argument])):
            raise _invalid(argument, where, wrong)
    if "x-dead-letter-routing-key" in arguments and "x-dead-letter-exchange" not in arguments:
        raise _invalid("x-dead-letter-routing-key", where, "routing_key_but_no_dlx_defined")
    for argument in refused:
        if argument in arguments:
            raise precondition_failed(f"invalid arg '{argument}' {where} of queue type rabbit_{kind.value}_queue")


def _invalid(argument: str, where: str, wrong: str) -> ChannelClosed:
    return precondition_failed(f"invalid arg '{argument}' {where}: {wrong}")


def _check_quorum_properties(where: str, *, durable: bool, exclusive: bool, auto_delete: bool) -> None:
    for is_wrong, what in (
        (auto_delete, "auto-delete"),
        (exclusive, "exclusive-owner"),
        (not durable, "non-durable"),
    ):
        if is_wrong:
            raise precondition_failed(f"invalid property '{what}' {where}")


# -- a queue that exists ------------------------------------------------------------------


def check_equivalent(queue: Queue, arguments: Mapping[str, FieldValue], *, durable: bool, auto_delete: bool) -> None:
    """Raise 406 unless a declaration describes the queue there is."""
    where = f"for queue '{queue.name}' in vhost '{queue.vhost.name}'"
    for name, received, current in (
        ("durable", durable, queue.durable),
        ("auto_delete", auto_delete, queue.auto_delete),
    ):
        if received != current:
            raise _inequivalent(name, where, f"received '{_erlang(received)}' but current is '{_erlang(current)}'")
    is_3_10 = queue.node.config.profile is Profile.RABBITMQ_3_10
    given, known = (_with_type(one, is_3_10=is_3_10) for one in (arguments, queue.arguments))
    for argument in _COMPARED[queue.kind]:
        difference = _difference(argument in given, given.get(argument), argument in known, known.get(argument))
        if difference:
            raise _inequivalent(argument, where, difference)


def _with_type(arguments: Mapping[str, FieldValue], *, is_3_10: bool) -> dict[str, FieldValue]:
    """Return the arguments to compare: RabbitMQ 4.0 always names the type, 3.10 only one that is not classic."""
    if not is_3_10:
        return {"x-queue-type": Kind.CLASSIC.value, **arguments}
    is_classic = arguments.get("x-queue-type", Kind.CLASSIC.value) == Kind.CLASSIC.value
    hidden = ("x-queue-type", "x-queue-leader-locator") if is_classic else ()
    return {name: value for name, value in arguments.items() if name not in hidden}


def _inequivalent(argument: str, where: str, difference: str) -> ChannelClosed:
    return precondition_failed(f"inequivalent arg '{argument}' {where}: {difference}")


def _difference(is_given: bool, given: FieldValue, is_known: bool, known: FieldValue) -> str | None:
    # Four cases: both absent or equal, one of them absent, and two that differ.
    if is_given and is_known:
        if _class(given) == _class(known) and given == known:
            return None
        received = "none" if given is None else f"'{_erlang(given)}'"
        return f"received {received} but current is '{_erlang(known)}'"
    if is_given:
        return f"received the value '{_erlang(given)}' of type '{type_name(given)}' but current is none"
    if is_known:
        return f"received none but current is the value '{_erlang(known)}' of type '{type_name(known)}'"
    return None


def _class(value: FieldValue) -> str:
    """Return the type, where all integers are one."""
    kind = type_name(value)
    return "integer" if kind in INTEGERS else kind


def _erlang(value: FieldValue, *, nested: bool = False) -> str:
    """Return a value as it stands in RabbitMQ's replies."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "undefined"
        case str():
            return f'<<"{value}">>' if nested else value
        case bytes():
            return value.decode("utf-8", "replace")
        case Decimal():
            _, digits, exponent = value.as_tuple()
            return f"{{{-int(exponent)},{int(''.join(map(str, digits)))}}}"
        case dict():
            fields = (f'{{<<"{key}">>,{type_name(item)},{_erlang(item, nested=True)}}}' for key, item in value.items())
            return f"[{','.join(fields)}]"
        case list():
            return f"[{','.join(f'{{{type_name(item)},{_erlang(item, nested=True)}}}' for item in value)}]"
        case _:
            return str(value)
