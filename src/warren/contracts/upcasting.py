"""Upcasters: functions that bring the body of an older version to the form of the next one.

Not here: when one is asked for (`envelope.py`), or which class reads which version (`lookup.py`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic_core import PydanticSerializationError, from_json, to_json

from warren.contracts.fields import has_secrets
from warren.contracts.message import Message, Upcast
from warren.contracts.rejection import one_line
from warren.errors import ContractDefinitionError, InvalidPayload, Undecodable, WarrenError

__all__ = ["upcast", "upcaster"]

U = TypeVar("U", bound=Upcast)


def upcaster(contract: type[Message], *, from_version: int) -> Callable[[U], U]:
    """Declare how messages of an older version are read under `contract`.

    The decorated function takes the body as parsed JSON, which nothing has validated, and returns the body of the next
    version that has an upcaster, or of the contract itself: upcasters of versions 1 and 2 make of version 1 first 2,
    then 3. What the last one returns is read strictly. An error in one dead-letters the message as a contract failure;
    raise `Transient` to have it retried.
    """
    declared = contract.__warren__

    def declare(function: U) -> U:
        name = getattr(function, "__qualname__", repr(function))
        if not callable(function) or inspect.iscoroutinefunction(function):
            raise ContractDefinitionError(f"upcaster {name} must be a plain function: def {name}(body: dict) -> dict")
        if type(from_version) is not int or not 1 <= from_version < declared.version:
            raise ContractDefinitionError(
                f"upcaster {name} has from_version={from_version!r}; {contract.__name__} is version "
                f"{declared.version}, so give a whole number from 1 and below it"
            )
        other = contract.__upcasters__.setdefault(from_version, function)
        if other is not function:
            raise ContractDefinitionError(f"{contract.__name__} has two upcasters from version {from_version}")
        return function

    return declare


def upcast(contract: type[Message], version: int, body: bytes) -> bytes:
    """Return the body of an older version as one of the contract's own.

    Raises `Undecodable` where it is no JSON, and `InvalidPayload` where an upcaster fails.
    """
    try:
        value = from_json(body)
    except ValueError as error:
        raise Undecodable(f"the body is not JSON: {error}" if body else "the body is empty") from None
    if not isinstance(value, dict):
        raise InvalidPayload(f"{contract.__warren__.type} v{version}: the body: expected an object")
    for step in sorted(contract.__upcasters__):
        if step >= version:
            value = _step(contract, step, contract.__upcasters__[step], value)
    return _written(contract, version, value)


def _step(contract: type[Message], version: int, function: Upcast, value: dict[str, Any]) -> dict[str, Any]:
    try:
        result = function(value)
    except (WarrenError, MemoryError):
        raise
    except Exception as error:
        text = "" if has_secrets(contract) else f": {error}"
        raise InvalidPayload(
            one_line(f"{_named(contract, version, function)} raised {type(error).__name__}{text}")
        ) from error
    if not isinstance(result, dict):
        raise InvalidPayload(f"{_named(contract, version, function)} returned a {type(result).__name__}, not a dict")
    return result


def _written(contract: type[Message], version: int, value: dict[str, Any]) -> bytes:
    try:
        return to_json(value, inf_nan_mode="strings", bytes_mode="base64")
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise InvalidPayload(
            one_line(f"{contract.__warren__.type} v{version}: its upcasters returned what is no JSON: {error}")
        ) from error


def _named(contract: type[Message], version: int, function: Upcast) -> str:
    return f"{contract.__warren__.type} v{version}: upcaster {getattr(function, '__qualname__', function)}"
