"""JSON Schemas of a message class, with what strict reading refuses beyond what Pydantic writes into them.

Not here: comparing two of them (`compare.py`).

Pydantic leaves out what JSON Schema has no word for: time zones, limits of dates, digits of decimals, keys that are no
text, validators, names a field may also be read under. Without them a change of these would pass unseen, so they are
written as `x-warren-…` keywords, which other tools ignore.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema, to_jsonable_python

from warren.contracts.fields import accepted_names
from warren.contracts.message import Message
from warren.errors import ConfigurationError

__all__ = ["KEYS", "LIMITS", "NAMES", "VALIDATORS", "Schema", "schema_of_reading", "schema_of_writing"]

Schema = dict[str, Any]

LIMITS: Final = "x-warren-limits"
"""Constraints beyond JSON Schema's, by name."""

VALIDATORS: Final = "x-warren-validators"
"""Functions of the application's that may refuse a value, by name."""

NAMES: Final = "x-warren-names"
"""Further names a field is read under."""

KEYS: Final = "x-warren-keys"
"""What the text of a dictionary's keys has to be."""

_TEMPORAL: Final = ("ge", "gt", "le", "lt", "now_op", "tz_constraint")
_DIGITS: Final = ("max_digits", "decimal_places", "multiple_of")
_TEXT: Final = ("strip_whitespace", "to_lower", "to_upper", "ascii_only")
_URL: Final = ("allowed_schemes", "host_required")
_BOUNDS: Final = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def schema_of_reading(contract: type[Message]) -> Schema:
    """Return what a consumer under this contract reads."""
    return _schema(contract, "validation")


def schema_of_writing(contract: type[Message]) -> Schema:
    """Return what Warren publishes for instances of this class."""
    return _schema(contract, "serialization")


def _schema(contract: type[Message], mode: JsonSchemaMode) -> Schema:
    try:
        schema: Schema = contract.model_json_schema(by_alias=True, schema_generator=_Generator, mode=mode)
    except PydanticInvalidForJsonSchema as error:
        raise ConfigurationError(
            f"{contract.__name__} has no JSON Schema: {str(error).splitlines()[0]}; "
            f"give the field's type one with Annotated[…, pydantic.WithJsonSchema(…)]"
        ) from error
    return schema


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, which says more."""

    ignored_warning_kinds: Any = frozenset({"skipped-choice", "non-serializable-default"})

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        written = super().model_schema(schema)
        cls, further = schema["cls"], {}
        for name, field in getattr(cls, "model_fields", {}).items() if self.mode == "validation" else ():
            names = accepted_names(cls, name, field)
            shown = [each for each in names if each in written.get("properties", {})]
            if shown and len(names) > 1:
                further[shown[0]] = sorted({*names} - {shown[0]})
        return {**written, NAMES: further} if further else written

    # -- values -----------------------------------------------------------------------------

    def str_schema(self, schema: core_schema.StringSchema) -> Schema:
        written = super().str_schema(schema)
        config = self._config
        chosen: dict[str, Any] = {
            "strip_whitespace": config.str_strip_whitespace,
            "to_lower": config.str_to_lower,
            "to_upper": config.str_to_upper,
            **{name: value for name in _TEXT if (value := schema.get(name)) is not None},
        }
        return _limited(written, {name: True for name, value in chosen.items() if value})

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> Schema:
        written: Schema = {"type": ["number", "string"] if self.mode == "validation" else "string", "format": "decimal"}
        for name, keyword in _BOUNDS.items():
            value: Any = schema.get(name)
            if value is not None:
                written[keyword] = float(value)
        return _limited(written, _picked(schema, _DIGITS))

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> Schema:
        return _limited(super().datetime_schema(schema), _picked(schema, _TEMPORAL))

    def date_schema(self, schema: core_schema.DateSchema) -> Schema:
        return _limited(super().date_schema(schema), _picked(schema, _TEMPORAL))

    def time_schema(self, schema: core_schema.TimeSchema) -> Schema:
        return _limited(super().time_schema(schema), _picked(schema, _TEMPORAL))

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> Schema:
        return _limited(super().timedelta_schema(schema), _picked(schema, _TEMPORAL))

    def url_schema(self, schema: core_schema.UrlSchema) -> Schema:
        return _limited(super().url_schema(schema), _picked(schema, _URL))

    def multi_host_url_schema(self, schema: core_schema.MultiHostUrlSchema) -> Schema:
        return _limited(super().multi_host_url_schema(schema), _picked(schema, _URL))

    def dict_schema(self, schema: core_schema.DictSchema) -> Schema:
        written: Schema = {"type": "object"}
        keys = self.generate_inner(schema["keys_schema"]) if "keys_schema" in schema else {}
        values = self.generate_inner(schema["values_schema"]) if "values_schema" in schema else {}
        written["additionalProperties"] = values or True
        if {name: value for name, value in keys.items() if name != "title"} not in ({}, {"type": "string"}):
            written[KEYS] = keys
        for name, keyword in (("min_length", "minProperties"), ("max_length", "maxProperties")):
            if name in schema:
                written[keyword] = schema[name]  # type: ignore[literal-required]
        return written

    def lax_or_strict_schema(self, schema: core_schema.LaxOrStrictSchema) -> Schema:
        return super().lax_or_strict_schema({**schema, "strict": True})  # as messages are read

    # -- what only a function knows ---------------------------------------------------------

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> Schema:
        return self._validated(super().function_before_schema(schema), schema["function"])

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> Schema:
        return self._validated(super().function_after_schema(schema), schema["function"])

    def function_wrap_schema(self, schema: core_schema.WrapValidatorFunctionSchema) -> Schema:
        return self._validated(super().function_wrap_schema(schema), schema["function"])

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> Schema:
        return self._validated(super().function_plain_schema(schema), schema["function"])

    def ser_schema(self, schema: Any) -> Schema | None:
        called = schema.get("function")
        if called is not None and schema.get("return_schema") is None and not _is_of_pydantic(called):
            return {}  # what it returns is not said
        return super().ser_schema(schema)

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> Schema:
        written = super().tagged_union_schema(schema)
        discriminator = schema["discriminator"]
        return _also_validated(written, _name_of(discriminator)) if callable(discriminator) else written

    def _validated(self, written: Schema, function: Mapping[str, Any]) -> Schema:
        called = function.get("function")
        if self.mode != "validation" or called is None or _is_of_pydantic(called):
            return written  # what Pydantic's own types refuse is told by their format
        return _also_validated(written, _name_of(called))


def _is_of_pydantic(function: Callable[..., Any]) -> bool:
    return (getattr(function, "__module__", "") or "").partition(".")[0] in ("pydantic", "pydantic_core")


def _limited(written: Schema, limits: Mapping[str, Any]) -> Schema:
    return {**written, LIMITS: dict(limits)} if limits else written


def _also_validated(written: Schema, name: str) -> Schema:
    return {**written, VALIDATORS: sorted({*written.get(VALIDATORS, ()), name})}


def _picked(schema: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _plain(schema[name]) for name in names if schema.get(name) is not None}


def _plain(value: Any) -> Any:
    return to_jsonable_python(value, fallback=str)


def _name_of(function: Callable[..., Any]) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))
