"""A plan as lines for people: `+` is created, `?` is missing and not ours, `!` conflicts, `·` is worth knowing.

Not here: tables and colours (`cli/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from warren.topology.arguments import queue_arguments
from warren.topology.compare import ABSENT, Absent, BrokerSays, Difference
from warren.topology.duration import format_duration
from warren.topology.model import Binding, DestinationKind
from warren.topology.notes import (
    AlternateMissing,
    ExternalUnbound,
    ExternalWithoutDeadLetter,
    FormerTier,
    IgnoredArgument,
    NotCompared,
    Note,
    NotInCode,
    PolicyApplies,
    TypeDiffers,
)
from warren.topology.plan import (
    CreateBinding,
    CreateExchange,
    CreateQueue,
    Plan,
    RequireExchange,
    RequireQueue,
    Step,
)
from warren.topology.queue import QUEUE_FIELDS

__all__ = ["describe_binding", "describe_difference", "describe_note", "describe_plan", "describe_step"]


def describe_plan(plan: Plan) -> tuple[str, ...]:
    """Return one line for each step, obstacle and note; a single line where there is nothing to do."""
    lines = (
        *(f"+ {describe_step(one)}" for one in plan.missing),
        *(f"+ {describe_step(one)} (bound again if it exists)" for one in plan.unknown),
        *(f"? {describe_step(one)}" for one in plan.required),
        *(f"! {describe_difference(one)}" for one in plan.differs),
        *(f"· {describe_note(one)}" for one in plan.notes),
    )
    return ("the broker has everything, as the code says", *lines) if plan.is_satisfied else lines


def describe_step(step: Step) -> str:
    """Say what a step creates or requires."""
    match step:
        case CreateExchange(exchange):
            return f"exchange {exchange.name!r} ({exchange.type}{'' if exchange.durable else ', transient'})"
        case CreateQueue(queue):
            extras = [
                f"{name}={_value(value)}" for name, value in queue_arguments(queue).items() if name != "x-queue-type"
            ]
            return f"queue {queue.name!r} ({', '.join([str(queue.type), *extras])})"
        case CreateBinding(binding):
            return describe_binding(binding)
        case RequireExchange(name):
            return f"exchange {name!r} must exist: it is external, ask its owner to create it"
        case RequireQueue(name):
            return f"queue {name!r} must exist: it is external, ask its owner to create it"
        case _:
            assert_never(step)


def describe_binding(binding: Binding) -> str:
    """Say what leads where."""
    if binding.arguments:
        match_ = ", ".join(f"{name}={value!r}" for name, value in binding.arguments.items())
    else:
        match_ = repr(binding.routing_key)
    return f"binding {binding.source!r} → {binding.destination_kind} {binding.destination!r} for {match_}"


def describe_difference(difference: Difference | BrokerSays) -> str:
    """Say what differs, and the ways out."""
    if isinstance(difference, BrokerSays):
        return f"{difference.text}; cannot be changed in place: make the code agree, or drain and delete it, then apply"
    return f"{_both(difference)}; cannot be changed in place: {_way_out(difference)}"


def describe_note(note: Note) -> str:
    """Say what is worth knowing."""
    match note:
        case NotInCode(binding):
            return f"{describe_binding(binding)} is on the broker and not in the code; it is kept"
        case NotCompared(reason):
            return f"it exists, and whether it is as the code says is not known: {reason}"
        case PolicyApplies(queue, policy, settings, loses):
            effect = "; MESSAGES ARE LOST: exclude the queue from that policy" if loses else ", the code does not"
            return f"queue {queue!r}: policy {policy!r} sets {_settings(settings)}{effect}"
        case FormerTier(queue):
            return f"queue {queue!r} is a retry tier of a delay the code no longer has; delete it once it is empty"
        case IgnoredArgument(difference):
            return f"{_both(difference)}; the broker ignores it on what exists"
        case AlternateMissing(exchange, alternate):
            return f"exchange {exchange!r}: its alternate exchange {alternate!r} does not exist"
        case ExternalUnbound(binding):
            return f"{describe_binding(binding)} is missing; the queue is external, ask its owner to bind it"
        case ExternalWithoutDeadLetter(queue, target):
            what = f"queue {queue!r} is external and does not dead-letter to {target!r}"
            return f"{what}: what the broker drops there is lost"
        case TypeDiffers(kind, name, on_broker, in_code):
            return f"{kind} {name!r} is external, and {on_broker} on the broker; the code says {in_code}"
        case _:
            assert_never(note)


def _both(difference: Difference) -> str:
    what = f"argument {difference.what!r}" if difference.is_argument else difference.what
    return (
        f"{difference.kind} {difference.name!r}: {what} is {_value(difference.on_broker)} on the broker and "
        f"{_value(difference.in_code)} in the code"
    )


def _value(value: object) -> str:
    match value:
        case Absent():
            return repr(ABSENT)
        case bool():
            return str(value).lower()
        case str():
            return repr(value)
        case _:
            return str(value)


def _settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in sorted(settings.items()))


def _way_out(difference: Difference) -> str:
    if difference.kind is DestinationKind.EXCHANGE:
        delete = "delete it and apply (publishers are refused meanwhile, and other bindings go with it)"
    else:
        delete = "drain and delete it, then apply"
    return delete if difference.is_kept_beside else f"{delete}; or {_keep(difference)}"


def _keep(difference: Difference) -> str:
    """How to write the code instead, to keep what is on the broker."""
    what, value = difference.what, difference.on_broker
    if difference.kind is DestinationKind.QUEUE and what in _WITHOUT_FIELD:
        return "say external=True to use it as it is"
    if value is ABSENT and what in ("x-overflow", "x-dead-letter-strategy"):
        return 'say overflow="drop-head", which dead-letters at most once'
    if not difference.is_argument:
        return f"say {what}={_literal(value)}"
    field = _FIELDS.get(what)
    if value is ABSENT:
        return f"leave {field or what} out"
    if field is None:
        return f"say arguments={{{_literal(what)}: {_literal(value)}}}"
    return f"say {field}={_literal(_in_text(what, value))}"


_WITHOUT_FIELD: Final = frozenset({"auto_delete", "exclusive", "x-dead-letter-exchange", "x-dead-letter-routing-key"})
_FIELDS: Final = {**QUEUE_FIELDS, "alternate-exchange": "alternate"}


def _in_text(what: str, value: object) -> object:
    """Write a duration as the code would."""
    if what in ("x-message-ttl", "x-expires") and isinstance(value, int):
        return format_duration(value / 1_000)
    return value


def _literal(value: object) -> str:
    """Write a value as it stands in Python code."""
    return f'"{value}"' if isinstance(value, str) else repr(value)
