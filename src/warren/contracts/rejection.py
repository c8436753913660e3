"""Why a body does not fit a contract, in one line that is safe to log: field, expected, got.

Not here: deciding which contract applies (`lookup.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from pydantic import ValidationError

from warren.contracts.fields import has_secrets
from warren.contracts.message import Message
from warren.errors import ContractError, InvalidPayload, Undecodable

__all__ = ["joined", "one_line", "rejection"]

MAX_FIELDS: Final = 3
MAX_LISTED: Final = 50
MAX_VALUE: Final = 40
MAX_PATH: Final = 120
MAX_REASON: Final = 160
MAX_TEXT: Final = 1_000
INPUT_SHOULD_BE: Final = "Input should be "


def rejection(contract: type[Message], body: bytes, error: ValidationError) -> ContractError:
    """Turn Pydantic's account into ours. The text names at most three fields, in at most 1,000 characters."""
    failures = error.errors(include_url=False, include_context=True)
    if failures[0]["type"] == "json_invalid":
        reason = str(failures[0].get("ctx", {}).get("error", failures[0]["msg"]))
        return Undecodable(f"the body is not JSON: {reason}" if body else "the body is empty; expected a JSON object")
    fields = [(_where(failure), _why(contract, failure)) for failure in failures[:MAX_LISTED]]
    lines = [f"{where}{why}" for where, why in fields[:MAX_FIELDS]]
    if len(failures) > MAX_FIELDS:
        lines.append(f"and {len(failures) - MAX_FIELDS} more")
    listed = [(one_line(where), one_line(why.lstrip(": "))) for where, why in fields]
    return InvalidPayload(one_line(f"{contract.__warren__}: {'; '.join(lines)}"), listed)


def _where(failure: Any) -> str:
    return _shortened(".".join(str(part) for part in failure["loc"]), MAX_PATH) or "the body"


def _why(contract: type[Message], failure: Any) -> str:
    kind, message, got = failure["type"], _shortened(str(failure["msg"]), MAX_REASON), failure["input"]
    if kind == "missing":
        return " is missing"
    if kind == "extra_forbidden":
        return " is not a field of this contract"
    if message.startswith(INPUT_SHOULD_BE):
        reason = f"expected {message.removeprefix(INPUT_SHOULD_BE)}"
    else:
        reason = message[:1].lower() + message[1:]
    is_hidden = contract.model_config.get("hide_input_in_errors") or has_secrets(contract)
    return f": {reason}, got {_kind_of(got) if is_hidden else _shown(got)}"


def _shown(value: object) -> str:
    if isinstance(value, bool | int | float | str):
        return f"{_kind_of(value)} {_shortened(json.dumps(value, ensure_ascii=False), MAX_VALUE)}"
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


def one_line(text: str) -> str:
    """Escape what would break a log line, and keep to 1,000 characters."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return _shortened(text, MAX_TEXT)
