"""A place in a JSON Schema: its references followed, its unions taken apart, and itself in a few words.

Not here: comparing two places (`compare.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from warren.contracts.evolution.schemas import NAMES, VALIDATORS

__all__ = ["ANYTHING", "Node"]

ANYTHING: Final = "anything"

_SAYS_NOTHING: Final = frozenset(
    {"$comment", "$defs", "default", "deprecated", "description", "examples", "readOnly", "title", "writeOnly"}
)
_BOUNDS: Final = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_LENGTHS: Final = {
    "minLength": "at least {} long",
    "maxLength": "at most {} long",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minProperties": "at least {} entries",
    "maxProperties": "at most {} entries",
}
_MOST_VALUES: Final = 6
_MOST_TEXT: Final = 90


@dataclass(frozen=True, slots=True)
class Node:
    """One schema, with the whole it is part of. `name` is its definition's, where it has one."""

    schema: Mapping[str, Any]
    whole: Mapping[str, Any]
    name: str | None = None

    @classmethod
    def of(cls, whole: Mapping[str, Any]) -> Node:
        """Return the top of a schema."""
        return cls(whole, whole).resolved()

    def at(self, schema: Any) -> Node:
        """Return a schema inside this one."""
        if not isinstance(schema, Mapping):  # true and false
            schema = {} if schema else {"enum": []}
        return Node(schema, self.whole).resolved()

    def resolved(self) -> Node:
        """Follow references; what stands beside one is added to what it refers to."""
        schema, name = self.schema, self.name
        while "$ref" in schema or (len(schema.get("allOf", ())) == 1):
            inner = schema.get("allOf", ({},))[0]
            if "$ref" in schema:
                name = str(schema["$ref"]).rpartition("/")[2]
                inner = self.whole["$defs"][name]
            beside = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
            schema = {**inner, **beside}
        return Node(schema, self.whole, name)

    def get(self, keyword: str, default: Any = None) -> Any:
        """Return what the schema says under a keyword."""
        return self.schema.get(keyword, default)

    @property
    def key(self) -> tuple[str, frozenset[str]] | None:
        """Return what tells a definition apart, None for a schema that is written in place."""
        return None if self.name is None else (self.name, self.required)

    @property
    def properties(self) -> Mapping[str, Any]:
        """The fields of an object."""
        found: Mapping[str, Any] = self.get("properties", {})
        return found

    @property
    def required(self) -> frozenset[str]:
        """The fields an object must have."""
        return frozenset(self.get("required", ()))

    def names_of(self, field: str) -> frozenset[str]:
        """Return every name a field is read under."""
        return frozenset((field, *self.get(NAMES, {}).get(field, ())))

    @property
    def says_nothing(self) -> bool:
        """Whether any value fits."""
        return _SAYS_NOTHING.issuperset(self.schema)

    @property
    def type(self) -> str:
        """The one JSON type of a member; `enum` for a list of values, `anything` where none is said."""
        if "const" in self.schema or "enum" in self.schema:
            return "enum"
        return str(self.get("type", ANYTHING))

    @property
    def values(self) -> list[Any]:
        """The values of an `enum`."""
        return [self.get("const")] if "const" in self.schema else list(self.get("enum", ()))

    def members(self) -> Iterator[Node]:
        """Yield what a union is a union of: nodes of one type each. What is no union yields itself."""
        for keyword in ("anyOf", "oneOf"):
            if keyword in self.schema:
                for each in self.schema[keyword]:
                    for member in self._tagged(self.at(each)).members():
                        yield member._validated(self.get(VALIDATORS, ()))
                return
        kinds = self.get("type")
        if isinstance(kinds, list) and "enum" not in self.schema and "const" not in self.schema:
            for kind in kinds:
                yield Node({**self.schema, "type": kind}, self.whole)
            return
        yield self

    def _tagged(self, member: Node) -> Node:
        # Pydantic reads the tag before anything else, so it may not be missing even where it has a default.
        tag = self.get("discriminator", {}).get("propertyName")
        if tag is None or member.get("type") != "object":
            return member
        return member._with({"required": sorted(member.required | {tag})})

    def _validated(self, validators: Iterable[str]) -> Node:
        return self._with({VALIDATORS: [*self.get(VALIDATORS, ()), *validators]} if validators else {})

    def _with(self, more: Mapping[str, Any]) -> Node:
        return Node({**self.schema, **more}, self.whole, self.name) if more else self

    def __str__(self) -> str:
        text = " or ".join(dict.fromkeys(member._one() for member in self.members()))
        return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"

    def _one(self) -> str:
        match self.type:
            case "enum":
                values = [json.dumps(value, ensure_ascii=False) for value in self.values]
                more = f", … {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
                return ", ".join(values[:_MOST_VALUES]) + more
            case "object":
                return self._object()
            case "array":
                return self._limited(
                    f"array of {self.at(self.get('items', {}))}" if "items" in self.schema else "array"
                )
            case kind:
                written = self.get("format")
                return self._limited(f"{kind} ({written})" if written else kind)

    def _object(self) -> str:
        if self.name or self.properties:
            return str(self.name or self.get("title", "object"))
        return self._limited("object")

    def _limited(self, text: str) -> str:
        limits = [f"{sign} {self.get(name):g}" for name, sign in _BOUNDS.items() if name in self.schema]
        limits += [words.format(self.get(name)) for name, words in _LENGTHS.items() if name in self.schema]
        if "multipleOf" in self.schema:
            limits.append(f"a multiple of {self.get('multipleOf'):g}")
        if "pattern" in self.schema:
            limits.append(f"like {self.get('pattern')}")
        return f"{text} {', '.join(limits)}" if limits else text
