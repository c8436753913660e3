"""Policies: settings that operators give to all queues and exchanges whose names match a pattern.

Not here: what the settings do (`queue_settings.py`, `exchange.py`), nor the API that sets them.

One policy and one operator policy apply to a thing: of those that match, the one with the highest priority, of equals
the last by name. Of a limit that both set, the lower one counts, of another setting the operator's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from warren.broker.erlang import term

__all__ = ["InvalidPolicy", "Policies", "Policy", "parse_policy"]


class InvalidPolicy(ValueError):
    """What RabbitMQ refuses as a policy, in its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy, valid."""

    name: str
    pattern: str
    definition: Mapping[str, Any]
    priority: float = 0
    apply_to: str = "all"

    def covers(self, kind: str, name: str) -> bool:
        """Whether it is for that thing; `kind` is `exchange`, `classic` or `quorum`."""
        return kind in _APPLIES[self.apply_to] and re.search(self.pattern, name) is not None and self._suits(kind)

    def _suits(self, kind: str) -> bool:
        """A policy with a setting that a type of queue does not know is not for queues of that type."""
        return not _UNSUPPORTED.get(kind, frozenset()) & self.definition.keys()

    def as_json(self) -> dict[str, Any]:
        """Return it as definitions and the HTTP API show it, without its virtual host."""
        return {
            "name": self.name,
            "pattern": self.pattern,
            "apply-to": self.apply_to,
            "definition": dict(self.definition),
            "priority": self.priority,
        }


_QUEUES: Final = frozenset({"classic", "quorum"})
_APPLIES: Final[dict[str, frozenset[str]]] = {
    "queues": _QUEUES,
    "classic_queues": frozenset({"classic"}),
    "quorum_queues": frozenset({"quorum"}),
    "streams": frozenset(),
    "exchanges": frozenset({"exchange"}),
    "all": _QUEUES | {"exchange"},
}

_OF_QUORUM: Final = frozenset(
    {
        "dead-letter-strategy",
        "delivery-limit",
        "initial-cluster-size",
        "max-in-memory-bytes",
        "max-in-memory-length",
        "target-group-size",
    }
)
_UNSUPPORTED: Final = {"classic": _OF_QUORUM, "quorum": frozenset({"queue-mode", "initial-cluster-size"})}


# -- validation ---------------------------------------------------------------------------


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _at_least(least: int) -> Callable[[Any], bool]:
    return lambda value: _is_integer(value) and value >= least


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _one_of(*options: Any) -> Callable[[Any], bool]:
    return lambda value: _is_text(value) and value in options


# Setting, whether a value is valid, how RabbitMQ calls one that is not. Those of clusters and of keeping messages in
# memory have no meaning here: they are taken so that definitions of a cluster can be imported.
_SETTINGS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "alternate-exchange": (_is_text, "alternate exchange name"),
    "consumer-timeout": (_at_least(0), "consumer timeout"),
    "dead-letter-exchange": (_is_text, "dead letter exchange name"),
    "dead-letter-routing-key": (_is_text, "dead letter routing key"),
    "dead-letter-strategy": (_one_of("at-most-once", "at-least-once"), "dead letter strategy"),
    "delivery-limit": (_is_integer, "delivery limit"),
    "expires": (_at_least(1), "queue expiry"),
    "initial-cluster-size": (_at_least(0), "cluster size"),
    "max-in-memory-bytes": (_at_least(0), "maximum memory in bytes"),
    "max-in-memory-length": (_at_least(0), "maximum memory in bytes"),
    "max-length": (_at_least(0), "maximum length"),
    "max-length-bytes": (_at_least(0), "maximum length in bytes"),
    "message-ttl": (_at_least(0), "message TTL"),
    "overflow": (_one_of("drop-head", "reject-publish", "reject-publish-dlx"), "overflow value"),
    "queue-leader-locator": (
        _one_of("client-local", "balanced", "random", "least-leaders"),
        "queue leader locator value",
    ),
    "queue-mode": (_one_of("default", "lazy"), "queue-mode value"),
    "queue-version": (lambda value: _is_integer(value) and value in {1, 2}, "queue-version value"),
    "target-group-size": (_at_least(0), "qq target count value"),
}

_LOWER: Final = frozenset({"delivery-limit", "expires", "max-length", "max-length-bytes", "message-ttl"})

_OPERATOR: Final = frozenset(
    {
        "delivery-limit",
        "expires",
        "max-in-memory-bytes",
        "max-in-memory-length",
        "max-length",
        "max-length-bytes",
        "message-ttl",
        "overflow",
        "target-group-size",
    }
)
"""What an operator policy may set."""


def parse_policy(name: str, fields: Mapping[str, Any], *, operator: bool) -> Policy:
    """Read a policy as the HTTP API and definitions give it. Raises InvalidPolicy in RabbitMQ's words."""
    for key in ("pattern", "definition"):
        if key not in fields:
            raise InvalidPolicy(f"[{{key_missing,{key}}}]")
    pattern, definition = fields["pattern"], fields["definition"]
    priority, apply_to = fields.get("priority", 0), fields.get("apply-to", "all")
    _check_pattern(pattern)
    if isinstance(priority, bool) or not isinstance(priority, int | float):
        raise _failed(f"priority should be a number, actually was {term(priority)}")
    if apply_to not in _APPLIES:
        raise _failed(
            f"apply-to '{apply_to}' unrecognised; should be one of: 'queues', 'classic_queues',  'quorum_queues',"
            " 'streams', 'exchanges', or 'all'"
        )
    _check_definition(definition, _OPERATOR if operator else _SETTINGS.keys())
    return Policy(name=name, pattern=pattern, definition=dict(definition), priority=priority, apply_to=apply_to)


def _failed(reason: str) -> InvalidPolicy:
    return InvalidPolicy(f"Validation failed\n\n{reason}\n")


def _check_pattern(pattern: Any) -> None:
    if not isinstance(pattern, str):
        raise _failed(f"pattern should be a binary but was {term(pattern)}")
    try:
        re.compile(pattern)
    except re.error as error:
        place = error.pos or 0
        raise _failed(f'pattern should be regular expression but is invalid: {{"{error.msg}",{place}}}') from error


def _check_definition(definition: Any, known: Any) -> None:
    if not isinstance(definition, Mapping):
        raise _failed(f"definition should be a map but was {term(definition)}")
    if not definition:
        raise _failed("no policy provided")
    unknown = sorted(definition.keys() - known)
    if unknown:
        settings = ",".join(f"{{{term(key)},{_json_term(definition[key])}}}" for key in unknown)
        raise _failed(f"[{settings}] are not recognised policy settings")
    for key, value in definition.items():
        is_valid, what = _SETTINGS[key]
        if not is_valid(value):
            raise _failed(f"{_json_term(value)} is not a valid {what}")


def _json_term(value: Any) -> str:
    return "null" if value is None else term(value)


# -- what applies -------------------------------------------------------------------------


class Policies:
    """The policies and operator policies of a virtual host, by name."""

    def __init__(self) -> None:
        self.ordinary: dict[str, Policy] = {}
        self.operator: dict[str, Policy] = {}

    def of(self, *, operator: bool) -> dict[str, Policy]:
        """Return the ones or the others."""
        return self.operator if operator else self.ordinary

    def matching(self, kind: str, name: str, *, operator: bool = False) -> Policy | None:
        """Return the one that applies to a thing; `kind` is `exchange`, `classic` or `quorum`."""
        found = [policy for policy in self.of(operator=operator).values() if policy.covers(kind, name)]
        return max(found, key=lambda policy: (policy.priority, policy.name), default=None)

    def effective(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return the settings that apply to a thing, or None where no policy does."""
        policy = self.matching(kind, name)
        limit = self.matching(kind, name, operator=True)
        if policy is None and limit is None:
            return None
        merged = dict(policy.definition) if policy else {}
        for key, value in (limit.definition if limit else {}).items():
            merged[key] = min(merged[key], value) if key in merged and key in _LOWER else value
        return merged
