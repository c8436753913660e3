"""Which contract a message is read with: a lookup built once for each consumer.

Not here: reading the body (`envelope.py`), or the texts of its errors (`rejection.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from warren.contracts.celery import task_name
from warren.contracts.headers import VERSION, origin_of
from warren.contracts.message import Message
from warren.contracts.properties import Properties
from warren.errors import ContractDefinitionError, UnknownType, UnknownVersion

__all__ = ["DEFAULT_MAX_BODY", "Contracts"]

DEFAULT_MAX_BODY: Final = 16_777_216

MessageClass = type[Message]


@dataclass(frozen=True, slots=True)
class Contracts:
    """The message classes one consumer reads, found by type and version. Build it with `Contracts.of`."""

    classes: tuple[MessageClass, ...]
    max_body: int
    by_name: Mapping[tuple[str, int], MessageClass]

    smallest_limit: int
    """Bytes that fit every contract's `max_size`, so that small bodies need no look at them."""

    @classmethod
    def of(cls, *classes: MessageClass, max_body: int = DEFAULT_MAX_BODY) -> Contracts:
        """Build the lookup; `max_body` is in bytes.

        Raises `ContractDefinitionError` where two classes cannot be told apart.
        """
        if not classes:
            raise ContractDefinitionError("a consumer needs at least one message class")
        by_name: dict[tuple[str, int], MessageClass] = {}
        for contract in classes:
            if not (isinstance(contract, type) and issubclass(contract, Message)) or contract is Message:
                raise ContractDefinitionError(f"{contract!r} is no message class; derive one from warren.Message")
            declared = contract.__warren__
            other = by_name.setdefault((declared.type, declared.version), contract)
            if other is not contract:
                raise ContractDefinitionError(
                    f"{other.__name__} and {contract.__name__} are both {declared}; give one another type or version"
                )
        limits = [size for each in classes if (size := each.__warren__.max_size) is not None]
        return cls(tuple(by_name.values()), max_body, by_name, min([max_body, *limits]))

    @property
    def routes(self) -> frozenset[tuple[str, str]]:
        """The exchanges and routing keys that messages under these contracts are published with."""
        return frozenset((each.__warren__.exchange, each.__warren__.routing_key) for each in self.classes)

    def __str__(self) -> str:
        return ", ".join(str(contract.__warren__) for contract in self.classes)

    def candidates(self, properties: Properties, routing_key: str) -> tuple[MessageClass, ...]:
        """Return the classes a message may be read with, at least one.

        Raises `UnknownType` and `UnknownVersion`. More than one is left only where the producer named no version, or
        no type and no routing key that tells them apart.
        """
        found = self.classes
        if name := properties.type or task_name(properties.headers):
            found = tuple(c for c in found if c.__warren__.type == name)
            if not found:
                raise UnknownType(f"type {name!r:.120} is not handled here; this consumer reads {self}")
        if VERSION in properties.headers:
            found = self._of_version(found, properties)
        if len(found) > 1:
            _, key = origin_of(properties, "", routing_key)
            found = tuple(c for c in found if key in (c.__warren__.type, c.__warren__.routing_key)) or found
        return found

    def _of_version(self, classes: tuple[MessageClass, ...], properties: Properties) -> tuple[MessageClass, ...]:
        version = properties.headers[VERSION]
        if not isinstance(version, int) or isinstance(version, bool):
            raise UnknownVersion(f"header {VERSION} is {version!r:.40}; expected a whole number from 1")
        found = tuple(c for c in classes if c.__warren__.version == version) or _newest(
            tuple(c for c in classes if version in c.__upcasters__)
        )
        if not found:
            which = f"version {version} of {properties.type}" if properties.type else f"version {version}"
            older = sorted({step for c in classes for step in c.__upcasters__})
            also = f", and by upcasters v{', v'.join(map(str, older))}" if older else ""
            raise UnknownVersion(f"{which} is not handled here; this consumer reads {self}{also}")
        return found


def _newest(classes: tuple[MessageClass, ...]) -> tuple[MessageClass, ...]:
    """Of each type keep the newest: several of them may have an upcaster from the same version."""
    newest = {c.__warren__.type: c for c in sorted(classes, key=lambda c: c.__warren__.version)}
    return tuple(newest.values())
