"""Message classes by the names people call them, and lines of JSON read strictly under one.

Not here: publishing them (`publish.py`).
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator

from warren.cli.loading import Loaded
from warren.contracts.envelope import decode
from warren.contracts.headers import VERSION
from warren.contracts.lookup import Contracts
from warren.contracts.message import Message
from warren.contracts.properties import Properties
from warren.errors import ConfigurationError

__all__ = ["Reader", "find_contract"]


def find_contract(loaded: Loaded, name: str) -> type[Message]:
    """Find a message class by its type or class name: of the application, or in its module.

    Raises `ConfigurationError` where there is none, or more than one.
    """
    known = _contracts(loaded)
    found = [contract for contract in known if name in (contract.__warren__.type, contract.__name__)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{contract.__name__} ({contract.__warren__})" for contract in found)
        raise ConfigurationError(f"{name!r} is the type of several messages: {names}; use the name of a class")
    raise ConfigurationError(f"{loaded.module.__name__} has no message {name!r}; {_hint(name, known)}")


def _contracts(loaded: Loaded) -> list[type[Message]]:
    in_module = (
        value for value in vars(loaded.module).values() if isinstance(value, type) and issubclass(value, Message)
    )
    known = dict.fromkeys([*loaded.app.messages, *in_module])
    return [contract for contract in known if contract.__warren__.is_publishable]


def _hint(name: str, known: list[type[Message]]) -> str:
    types = [contract.__warren__.type for contract in known]
    close = difflib.get_close_matches(name, [*types, *(contract.__name__ for contract in known)], n=1)
    if close:
        return f"did you mean {close[0]}?"
    if not types:
        return "neither does it have any other that can be published"
    return f"it has {', '.join(dict.fromkeys(types))}"


class Reader:
    """Reads JSON under one contract, exactly as its consumers will."""

    def __init__(self, contract: type[Message]) -> None:
        self._contracts = Contracts.of(contract, max_body=sys.maxsize)  # the publisher has the application's limit
        declared = contract.__warren__
        self._properties = Properties(type=declared.type, headers={VERSION: declared.version})

    def read(self, text: bytes) -> Message:
        """Read one message. Raises `InvalidPayload` or `Undecodable`."""
        return decode(self._contracts, self._properties, text)

    def lines(self, lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that are not blank, with their numbers."""
        return ((number, line) for number, line in enumerate(lines, 1) if line.strip())
