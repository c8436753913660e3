"""Defaults that strict JSON does not read, such as a secret, a path, or a text that stands for a decimal.

Not here: what a field may be called, or hide (`fields.py`).

Reading a message validates the default of a field that is left out, as it would a value: strictly, and as JSON. What
the class itself takes for a default may be refused there, and every message without that field with it.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    ValidationError,
    WrapValidator,
    create_model,
)
from pydantic.fields import FieldInfo

__all__ = ["settle_defaults"]

_PLAIN: Final = (str, int, float, bool)
_FUNCTIONS: Final = (AfterValidator, BeforeValidator, PlainValidator, WrapValidator)


def settle_defaults(model: type[BaseModel]) -> None:
    """Validate such defaults once, as the class does, and not when messages are read. A wrong one stays an error.

    Not those that a function makes, or that a validator of the class's own has a say in: they stay as Pydantic has
    them, since nothing of the author's may run before there is a message.
    """
    decorators = model.__pydantic_decorators__.field_validators.values()
    validated = {name for decorator in decorators for name in decorator.info.fields}
    if "*" in validated:
        return
    fields = [field for name, field in model.model_fields.items() if name not in validated and _is_settled_here(field)]
    changed = [field for field in fields if _settle(model, field)]
    if changed:
        model.model_rebuild(force=True)


def _is_settled_here(field: FieldInfo) -> bool:
    if field.is_required() or field.default_factory is not None or field.validate_default is not None:
        return False
    if any(isinstance(one, _FUNCTIONS) for one in field.metadata):
        return False
    # Nearly always it is what JSON has, of the very type of the field.
    is_plain = type(field.default) in _PLAIN and type(field.default) is field.annotation
    return field.default is not None and not is_plain


def _settle(model: type[BaseModel], field: FieldInfo) -> bool:
    probe = _probe(model, field)
    try:
        value = probe().__dict__["value"]
    except ValidationError:
        return False
    try:
        probe.model_validate_json("{}", strict=True)
    except ValidationError:
        field.default, field.validate_default = value, False
        return True
    return False


def _probe(model: type[BaseModel], field: FieldInfo) -> type[BaseModel]:
    """Return a model of the one field."""
    config = ConfigDict(arbitrary_types_allowed=model.model_config.get("arbitrary_types_allowed", False))
    fields: dict[str, Any] = {"value": (field.annotation, field)}
    return create_model("Probe", __config__=ConfigDict(**config, validate_default=True), **fields)
