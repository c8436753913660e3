"""A dead letter's body as text that a person changes, and whether what was written may be sent in its place. Pure.

Not here: where it is written (`cli/editing.py`, `dashboard/`), and sending it (`replay.py`).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final, NamedTuple

from warren.claim_check.reference import is_reference
from warren.contracts.envelope import decode
from warren.contracts.headers import origin_of
from warren.contracts.lookup import Contracts
from warren.contracts.rejection import one_line
from warren.errors import ConfigurationError, ContractError, InvalidPayload
from warren.operations.body import MOST_PARSED
from warren.operations.lease import Held

__all__ = [
    "Problem",
    "changed_fields",
    "check_editable",
    "compacted",
    "dumped",
    "is_same_json",
    "problems_of",
    "text_of",
]

_MOST_CHANGES: Final = 50


class Problem(NamedTuple):
    """Why a text may not be sent: `where` is a field, empty where it is the whole of it."""

    where: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}" if self.where else self.why


def check_editable(held: Held) -> None:
    """Raise `ConfigurationError` where the body cannot be changed as text."""
    if is_reference(held.properties):
        raise ConfigurationError(
            "its body is in the store of a claim check, where nothing is edited; replay it as it is"
        )
    text_of(held.body)


def text_of(body: bytes) -> str:
    """Return a body as text: JSON indented, where no number is changed by that. Raises `ConfigurationError`."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ConfigurationError("the body is binary and cannot be edited as text; drain it to a file") from None
    try:
        pretty = dumped(json.loads(text), indent=2) + "\n"
        return pretty if is_same_json(pretty, text) else text
    except (ValueError, RecursionError):
        return text


def compacted(text: str) -> bytes:
    """Return the body that a text is sent as. Raises `ValueError` or `RecursionError` where it is not JSON."""
    value: Any = json.loads(text)
    compact = dumped(value, separators=(",", ":"))
    return (compact if is_same_json(compact, text) else text).encode()


def dumped(value: Any, *, indent: int | None = None, separators: tuple[str, str] | None = None) -> str:
    """Return a value as JSON that is read, not escaped, unless it holds half a character: no text can show that."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent, separators=separators)
    return text


def is_same_json(one: str, other: str) -> bool:
    """Whether two texts hold the same, to the last digit of every number."""
    return bool(json.loads(one, parse_float=Decimal) == json.loads(other, parse_float=Decimal))


def problems_of(held: Held, text: str, contracts: Contracts | None) -> tuple[Problem, ...]:
    """Tell why a text may not be sent in place of the body; without contracts it must be JSON, and no more."""
    try:
        body = compacted(text)
    except (ValueError, RecursionError) as error:
        return (Problem("", f"it is not JSON: {error}"),)
    if contracts is None:
        return () if len(body) <= MOST_PARSED else (Problem("", f"it has {len(body):,} bytes, which is too much"),)
    _, routing_key = origin_of(held.properties, held.exchange, held.routing_key)
    try:
        decode(contracts, held.properties, body, routing_key)
    except InvalidPayload as error:
        return tuple(Problem(*field) for field in error.fields) or (Problem("", one_line(str(error))),)
    except ContractError as error:
        return (Problem("", one_line(str(error))),)
    return ()


def changed_fields(before: bytes, after: bytes) -> tuple[str, ...]:
    """Name the fields that differ, and no values: at most 50. Empty where either is not JSON."""
    try:
        found: list[str] = []
        _compare(json.loads(before), json.loads(after), "", found)
    except (ValueError, RecursionError):
        return ()
    return tuple(found[:_MOST_CHANGES])


def _compare(before: Any, after: Any, path: str, found: list[str]) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            where = f"{path}.{name}" if path else name
            if name in before and name in after:
                _compare(before[name], after[name], where, found)
            else:
                found.append(where)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            _compare(one, other, f"{path}.{index}" if path else str(index), found)
    elif type(before) is not type(after) or before != after:
        found.append(path or "the body")
