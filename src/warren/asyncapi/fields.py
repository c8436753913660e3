"""A JSON Schema as rows of a table: one field each, with its path, type and limits.

Not here: the table (`page.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from warren.asyncapi.schemas import SCHEMAS, Schema

__all__ = ["Row", "rows_of"]

_LIMITS: Final = {
    "const": "always {}",
    "enum": "one of {}",
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "multipleOf": "multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matches {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "default": "default {}",
    "writeOnly": "secret",
    "deprecated": "deprecated",
}

_CONSTANTS: Final = {str: "string", bool: "boolean", int: "integer", float: "number"}


@dataclass(frozen=True, slots=True)
class Row:
    """One field: `lines[].price` is the price of each of the lines."""

    path: str
    type: str
    is_required: bool
    limits: tuple[str, ...]
    description: str


def rows_of(schema: Schema, schemas: Mapping[str, Schema]) -> list[Row]:
    """List the fields of an object and of the objects in it, each class once along a path."""
    return list(_fields(schema, "", schemas, ()))


def _fields(schema: Schema, path: str, schemas: Mapping[str, Schema], above: tuple[str, ...]) -> Iterator[Row]:
    schema, above = _resolved(schema, schemas, above)
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        yield from _field(each, f"{path}{name}", name in required, schemas, above)


def _field(
    schema: Schema, path: str, is_required: bool, schemas: Mapping[str, Schema], above: tuple[str, ...]
) -> Iterator[Row]:
    known, _ = _resolved(schema, schemas, above)
    limits = tuple(text.format(_json(known[word])) for word, text in _LIMITS.items() if word in known)
    yield Row(path, _type(schema, schemas), is_required, limits, str(known.get("description", "")))
    for inner, suffix in _inside(known):
        names = _names(inner)
        if not any(name in above for name in names):
            yield from _fields(inner, f"{path}{suffix}.", schemas, above)


def _inside(schema: Schema) -> Iterator[tuple[Schema, str]]:
    """Yield the objects a field holds, with what its path goes on with."""
    if "properties" in schema or _names(schema):
        yield schema, ""
        return
    for word in ("anyOf", "oneOf"):
        for each in schema.get(word, ()):
            yield from _inside(each)
    for word, suffix in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(word), dict):
            yield from ((each, f"{suffix}{rest}") for each, rest in _inside(schema[word]))


def _names(schema: Schema) -> list[str]:
    found = [schema["$ref"]] if "$ref" in schema else []
    return found + [each["$ref"] for each in schema.get("allOf", ()) if "$ref" in each]


def _resolved(schema: Schema, schemas: Mapping[str, Schema], above: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
    for name in _names(schema):
        rest = {word: value for word, value in schema.items() if word not in ("$ref", "allOf")}
        if name in above:
            return rest, above
        target, above = _resolved(schemas.get(name.removeprefix(SCHEMAS), {}), schemas, (*above, name))
        schema = {**target, **rest}
    return schema, above


def _type(schema: Schema, schemas: Mapping[str, Schema]) -> str:
    names = _names(schema)
    if names:
        name = names[0].removeprefix(SCHEMAS)
        target = schemas.get(name, {})
        return _type(target, schemas) if "enum" in target or target.get("type") != "object" else name
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(_type(each, schemas) for each in schema[word]))
    items = schema.get("items")
    match schema.get("type"):
        case "array" if isinstance(items, list):
            return f"array of {', '.join(_type(each, schemas) for each in items)}"
        case "array" if isinstance(items, dict) and items:
            return f"array of {_type(items, schemas)}"
        case "string" if "format" in schema:
            return f"string ({schema['format']})"
        case str(known):
            return known
        case _ if "const" in schema:
            return _CONSTANTS.get(type(schema["const"]), "any")
        case _:
            return "any"


def _json(value: Any) -> str:
    if isinstance(value, list) and value:
        return ", ".join(map(_json, value))
    return json.dumps(value, ensure_ascii=False, default=str)
