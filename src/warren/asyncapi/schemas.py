"""Message classes to the JSON Schemas of an AsyncAPI document, which are of draft 07.

Not here: the messages they are the payloads of (`messages.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind, models_json_schema

from warren.contracts.fields import secret_names
from warren.contracts.message import Message

__all__ = ["SCHEMAS", "Schema", "message_schemas"]

Schema = dict[str, Any]

SCHEMAS: Final = "#/components/schemas/"

# Keywords whose value is no schema, so that nothing in it is one either.
_PLAIN: Final = frozenset({"const", "default", "enum", "examples", "required"})
# Keywords whose value holds schemas by names of the author's.
_NAMED: Final = frozenset({"properties", "patternProperties", "definitions"})
# Keywords whose value is one that a message may have.
_VALUES: Final = frozenset({"const", "default", "enum", "examples"})
_HIDDEN: Final = "**********"


class _Generator(GenerateJsonSchema):
    # Pydantic's warning has the default in it, which may be a secret.
    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012, as its base has it


def message_schemas(
    messages: Sequence[type[Message]], *, received: Collection[type[Message]]
) -> tuple[dict[type[Message], Schema], dict[str, Schema]]:
    """Return the payload schema of each class, and the component schemas these refer to.

    What is received is described as it is read, and what is only sent as it is written. Of secret fields no default
    and no example is told.
    """
    wanted: list[tuple[type[Message], Literal["validation", "serialization"]]] = [
        (message, "validation" if message in received else "serialization") for message in messages
    ]
    found, whole = models_json_schema(
        wanted, by_alias=True, ref_template=f"{SCHEMAS}{{model}}", schema_generator=_Generator
    )
    payloads = {message: draft_07(found[message, mode]) for message, mode in wanted}
    components = {name: draft_07(schema) for name, schema in sorted(whole.get("$defs", {}).items())}
    names: frozenset[str] = frozenset().union(*map(secret_names, messages))
    if names:
        payloads = {message: _without_secrets(schema, names) for message, schema in payloads.items()}
        components = {name: _without_secrets(schema, names) for name, schema in components.items()}
    return payloads, components


def draft_07(schema: Any) -> Any:
    """Rewrite what Pydantic writes, JSON Schema 2020-12 with OpenAPI's discriminator, in the words of draft 07."""
    if isinstance(schema, list):
        return [draft_07(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    written: Schema = {}
    for word, value in schema.items():
        if word in _PLAIN:
            written[word] = value
        elif word in _NAMED:
            written[word] = {name: draft_07(each) for name, each in value.items()}
        elif word == "prefixItems":
            written["items"] = draft_07(value)
            written["additionalItems"] = draft_07(schema.get("items", False))
        elif word == "discriminator" or (word == "items" and "prefixItems" in schema):
            continue  # AsyncAPI's discriminator is another; the constants of the members tell as much
        else:
            written[word] = draft_07(value)
    if "$ref" in written and len(written) > 1:
        written["allOf"] = [{"$ref": written.pop("$ref")}]  # beside a reference draft 07 reads nothing
    return written


def _without_secrets(schema: Any, names: AbstractSet[str]) -> Any:
    """Leave out what a schema tells of the values of fields with these names."""
    if isinstance(schema, list):
        return [_without_secrets(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    written: Schema = {}
    for word, value in schema.items():
        if word in _VALUES:
            written[word] = _masked(value, names)
        elif word in _NAMED and isinstance(value, dict):
            written[word] = {name: _without_secrets(_untold(name, each, names), names) for name, each in value.items()}
        else:
            written[word] = _without_secrets(value, names)
    return written


def _untold(name: str, schema: Any, names: AbstractSet[str]) -> Any:
    if name not in names or not isinstance(schema, dict):
        return schema
    return {word: value for word, value in schema.items() if word not in _VALUES}


def _masked(value: Any, names: AbstractSet[str]) -> Any:
    if isinstance(value, list):
        return [_masked(each, names) for each in value]
    if isinstance(value, dict):
        return {name: _HIDDEN if name in names else _masked(each, names) for name, each in value.items()}
    return value
