"""An example of a message: what its author gave, else one made from its schema and read by its contract.

Not here: the schema (`schemas.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from warren.asyncapi.schemas import SCHEMAS, Schema
from warren.contracts.message import Message

__all__ = ["examples_of"]

_MOST: Final = 3
_DEEPEST: Final = 12

_TEXTS: Final = {
    "date-time": "2026-11-23T10:15:00Z",
    "date": "2026-11-23",
    "time": "10:15:00Z",
    "duration": "PT1H",
    "uuid": "3f2b8c1e-5d4a-4b7c-9e0f-1a2b3c4d5e6f",
    "email": "ada@example.org",
    "uri": "https://example.org/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "binary": "",
    "base64url": "",
}


def examples_of(message: type[Message], payload: Schema, schemas: Mapping[str, Schema]) -> list[Any]:
    """Return the author's `examples` of the class, else one that is made up; none where its contract refuses that."""
    schema = _resolved(payload, schemas)
    given = schema.get("examples") or [_made(schema, schemas, 0)]
    return [each for each in given[:_MOST] if isinstance(each, dict) and _is_read(message, each)]


def _is_read(message: type[Message], example: Any) -> bool:
    try:
        message.__pydantic_validator__.validate_json(json.dumps(example), strict=True)
    except (ValidationError, ValueError, TypeError):
        return False
    except Exception:  # a validator of the application's own, which this body makes fail
        return False
    return True


def _resolved(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    for _ in range(_DEEPEST):
        if "$ref" in schema:
            schema = schemas.get(schema["$ref"].removeprefix(SCHEMAS), {})
        elif len(schema.get("allOf", ())) == 1:
            rest = {word: value for word, value in schema.items() if word != "allOf"}
            schema = {**_resolved(schema["allOf"][0], schemas), **rest}
        else:
            break
    return schema


def _made(schema: Schema, schemas: Mapping[str, Schema], depth: int) -> Any:
    schema = _resolved(schema, schemas)
    given = [schema[word] for word in ("const", "default") if word in schema]
    given += [schema[word][0] for word in ("enum", "examples") if schema.get(word)]
    if given or depth >= _DEEPEST:
        return given[0] if given else None
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            # The first that says something: `int | null` is an integer.
            members = [_resolved(each, schemas) for each in schema[word]]
            telling = [each for each in members if each.get("type") != "null"]
            return _made((telling or members)[0], schemas, depth + 1)
    match schema.get("type"):
        case "object":
            return _object(schema, schemas, depth)
        case "array":
            return _array(schema, schemas, depth)
        case "string":
            return _text(schema)
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return True
        case _:
            return None


def _object(schema: Schema, schemas: Mapping[str, Schema], depth: int) -> dict[str, Any]:
    required = schema.get("required", ())
    return {
        name: _made(each, schemas, depth + 1)
        for name, each in schema.get("properties", {}).items()
        if name in required or (depth < 2 and "default" in each)
    }


def _array(schema: Schema, schemas: Mapping[str, Schema], depth: int) -> list[Any]:
    items = schema.get("items", {})
    if isinstance(items, list):
        return [_made(each, schemas, depth + 1) for each in items]
    least = schema.get("minItems", 0)
    return [_made(items, schemas, depth + 1) for _ in range(max(least, 0 if depth > 3 else 1))]


def _text(schema: Schema) -> str:
    text: str = _TEXTS.get(schema.get("format", ""), "text")
    least: int = schema.get("minLength", 0)
    most: int = schema.get("maxLength", len(text))
    whole = text + "x" * max(0, least - len(text))
    return whole[: max(least, most)]


def _number(schema: Schema) -> float:
    step: float = schema.get("multipleOf", 1)
    above: float | None = schema.get("exclusiveMinimum")
    least: float | None = schema.get("minimum")
    if above is not None:
        return (above // step + 1) * step
    if least is not None:
        return -(-least // step) * step
    most: float = schema.get("maximum", schema.get("exclusiveMaximum", step + 1) - 1)
    return min(step, most)
