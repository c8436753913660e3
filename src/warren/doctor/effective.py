"""What arguments and policies together make of a queue, as RabbitMQ merges them, and which of them it was.

Not here: what is right or wrong about it (`checks/`).

Of two limits the lower one counts, of two other values the argument (RabbitMQ documentation, "Policies").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from warren.doctor.facts import Live
from warren.doctor.versions import version_of
from warren.topology.actual import ActualQueue

__all__ = ["DeliveryLimit", "consumer_timeout", "delivery_limit", "limit", "setter", "value"]

_DEFAULT_DELIVERY_LIMIT: Final = 20
_BY_DEFAULT: Final = "RabbitMQ 4 by default"


def limit(queue: ActualQueue, name: str) -> int | None:
    """Return a limit (`message-ttl`, `max-length`, …), None where there is none."""
    told = (queue.arguments.get(f"x-{name}"), queue.settings.get(name))
    values = [one for one in told if isinstance(one, int) and not isinstance(one, bool)]
    return min(values) if values else None


def value(queue: ActualQueue, name: str) -> str | None:
    """Return a value that is text (`overflow`, `dead-letter-exchange`, …), None where there is none."""
    told = queue.arguments.get(f"x-{name}", queue.settings.get(name))
    return told if isinstance(told, str) else None


def setter(queue: ActualQueue, name: str, live: Live) -> str:
    """Say who gives a queue a setting that it has: `argument x-overflow`, `policy 'a'` or `operator policy 'b'`."""
    argument, told = queue.arguments.get(f"x-{name}"), queue.settings.get(name)
    is_lower = isinstance(argument, int) and isinstance(told, int) and told < argument
    if told is None or (argument is not None and not is_lower):
        return f"argument x-{name}"
    return _policy(queue, name, told, live)


def _policy(queue: ActualQueue, name: str, told: object, live: Live) -> str:
    """Name the policy of a queue that sets `name`; both, where it is not known which."""
    statistics = live.queues.get(queue.name)
    names = {
        True: statistics.operator_policy if statistics else None,
        False: statistics.policy if statistics else queue.policy,
    }
    for policy in sorted(live.policies or (), key=lambda one: not one.is_operator):
        if policy.name == names[policy.is_operator] and policy.definition.get(name) == told:
            return _named(policy.name, is_operator=policy.is_operator)
    return " or ".join(
        _named(policy_name, is_operator=is_operator) for is_operator, policy_name in names.items() if policy_name
    )


def _named(name: str, *, is_operator: bool) -> str:
    return f"operator policy {name!r}" if is_operator else f"policy {name!r}"


# -- settings of which the broker has an idea of its own ------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class DeliveryLimit:
    """How often a message may come back to a quorum queue, and who says so. None: as often as it likes."""

    count: int | None
    by: str

    @property
    def is_default(self) -> bool:
        return self.by == _BY_DEFAULT


def delivery_limit(queue: ActualQueue, live: Live) -> DeliveryLimit | None:
    """Return the limit of a quorum queue; None for a queue of another type.

    A negative limit means none on RabbitMQ 4. RabbitMQ 3.10 takes it for what it says: a message that comes back once
    has come back too often.
    """
    if queue.type != "quorum":
        return None
    told = (queue.arguments.get("x-delivery-limit"), queue.settings.get("delivery-limit"))
    values = [one for one in told if isinstance(one, int)]
    is_4 = version_of(live.version) >= (4,)
    if not values:
        return DeliveryLimit(_DEFAULT_DELIVERY_LIMIT, _BY_DEFAULT) if is_4 else DeliveryLimit(None, "nobody")
    by = setter(queue, "delivery-limit", live)
    if not is_4:
        return DeliveryLimit(max(0, min(values)), by)
    count = max(values) if min(values) < 0 else min(values)  # a limit wins over none
    if min(values) < 0 <= count:
        by = _policy(queue, "delivery-limit", count, live) if told[1] == count else "argument x-delivery-limit"
    return DeliveryLimit(None if count < 0 else count, by)


def consumer_timeout(queue: ActualQueue, live: Live) -> float | None:
    """Return the delivery acknowledgement timeout of the queue itself, in seconds; None leaves it to the node.

    Argument and policy exist since RabbitMQ 3.12; before, the argument is accepted and ignored.
    """
    if version_of(live.version) < (3, 12):
        return None
    milliseconds = limit(queue, "consumer-timeout")
    return None if milliseconds is None else milliseconds / 1000
