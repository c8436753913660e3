"""Why a body does not fit a contract, in one line that is safe to log: field, expected, got.

Not here: deciding which contract applies (`lookup.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from pydantic import ValidationError

from warren.contracts.message import Message
from warren.errors import ContractError, InvalidPayload, Undecodable

__all__ = ["rejection"]

MAX_FIELDS: Final = 3
MAX_VALUE: Final = 40
MAX_TEXT: Final = 1_000


def rejection(contract: type[Message], body: bytes, error: ValidationError) -> ContractError:
    """Turn Pydantic's account into ours. At most three fields are named, in at most 1,000 characters."""
    failures = error.errors(include_url=False, include_context=True)
    if failures[0]["type"] == "json_invalid":
        reason = str(failures[0].get("ctx", {}).get("error", failures[0]["msg"]))
        return Undecodable(f"the body is not JSON: {reason}" if body else "the body is empty; expected a JSON object")
    lines = [_line(contract, failure) for failure in failures[:MAX_FIELDS]]
    if len(failures) > MAX_FIELDS:
        lines.append(f"and {len(failures) - MAX_FIELDS} more")
    return InvalidPayload(_shortened(f"{contract.__warren__}: {'; '.join(lines)}", MAX_TEXT))


def _line(contract: type[Message], failure: Any) -> str:
    where = _shortened(".".join(str(part) for part in failure["loc"]), 120)
    kind, message, got = failure["type"], str(failure["msg"]), failure["input"]
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        return f"{where} is not a field"
    expected = message.removeprefix("Input should be ") if message.startswith("Input should be ") else message
    shown = _kind_of(got) if contract.model_config.get("hide_input_in_errors") else _shown(got)
    return f"{where or 'the body'}: expected {_shortened(expected, 160)}, got {shown}"


def _shown(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool() | int() | float() | str():
            return f"{_kind_of(value)} {_shortened(json.dumps(value, ensure_ascii=False), MAX_VALUE)}"
        case _:
            return _kind_of(value)


def _kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return f"a {type(value).__name__}"


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def joined(errors: Iterable[ContractError]) -> str:
    """Join the reasons of several contracts into one text."""
    return _shortened(" | ".join(str(error) for error in errors), MAX_TEXT)
