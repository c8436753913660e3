"""Checks of a message class's fields: what is written must be readable again, and secrets are known.

Not here: the class keywords (`message.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import AliasChoices, AliasPath, BaseModel, PlainSerializer, SecretStr, WrapSerializer
from pydantic.fields import FieldInfo

from warren.errors import ContractDefinitionError

__all__ = ["SecretText", "accepted_names", "check_fields", "has_secrets", "secret_names"]

SecretText = Annotated[
    SecretStr, PlainSerializer(lambda secret: secret.get_secret_value(), return_type=str, when_used="json")
]
"""A `SecretStr` that is written to the message in full, and hidden everywhere else."""


def check_fields(model: type[BaseModel]) -> None:
    """Raise `ContractDefinitionError` where a message of this class could not be read back as it was."""
    if model.__pydantic_decorators__.model_serializers:
        return  # what it writes is the author's own
    for name, field in model.model_fields.items():
        _check_names(model, name, field)
    for owner, name, is_written in _secrets(model, frozenset()):
        if is_written:
            continue
        raise ContractDefinitionError(
            f"{owner}.{name} is a secret that Pydantic writes as '**********'; "
            f"declare it as warren.SecretText, which is written in full and hidden in logs"
        )


@lru_cache(maxsize=1024)
def has_secrets(model: type[BaseModel]) -> bool:
    """Tell whether the class, or one nested in it, holds a secret. Errors then show no values."""
    return any(True for _ in _secrets(model, frozenset()))


@lru_cache(maxsize=1024)
def secret_names(model: type[BaseModel]) -> frozenset[str]:
    """Return every name that a secret of the class, or of one nested in it, is written or read under."""
    return frozenset(_secret_names(model, frozenset()))


# -- names --------------------------------------------------------------------------------


def _check_names(model: type[BaseModel], name: str, field: FieldInfo) -> None:
    where = f"{model.__name__}.{name}"
    if field.exclude:
        if field.is_required():
            raise ContractDefinitionError(f"{where} is required but excluded from the body; give it a default")
        return
    written = field.serialization_alias or name
    accepted = accepted_names(model, name, field)
    if written not in accepted:
        raise ContractDefinitionError(
            f"{where} is written as {written!r} but read as {' or '.join(map(repr, accepted)) or 'a path'}; "
            f"use alias=… for both directions"
        )


def accepted_names(model: type[BaseModel], name: str, field: FieldInfo) -> tuple[str, ...]:
    """Return the names a field is read under."""
    config = model.model_config
    alias = field.validation_alias
    if alias is None or config.get("validate_by_alias") is False:
        return (name,)
    own = (name,) if config.get("validate_by_name") or config.get("populate_by_name") else ()
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    return (*own, *(choice for choice in map(_whole, choices) if choice is not None))


def _whole(alias: str | AliasPath) -> str | None:
    if isinstance(alias, str):
        return alias
    match alias.path:
        case [str() as only]:
            return only
        case _:
            return None


# -- secrets ------------------------------------------------------------------------------


def _secrets(model: Any, seen: frozenset[type]) -> Iterator[tuple[str, str, bool]]:
    """Yield class, field, and whether a serializer writes it in full, for each secret at any depth."""
    for name, annotation, has_serializer in _members(model, seen):
        for kind, is_written in _parts(annotation, has_serializer):
            if hasattr(kind, "get_secret_value"):
                yield model.__name__, name, is_written
            else:
                yield from _secrets(kind, seen | {model})


def _secret_names(model: Any, seen: frozenset[type]) -> Iterator[str]:
    for name, annotation, _ in _members(model, seen):
        for kind, _ in _parts(annotation, False):
            if hasattr(kind, "get_secret_value"):
                yield from _all_names(model, name)
            else:
                yield from _secret_names(kind, seen | {model})


def _all_names(model: Any, name: str) -> Iterator[str]:
    yield name
    if not issubclass(model, BaseModel):
        return
    field = model.model_fields[name]
    alias = field.validation_alias
    for choice in (*(alias.choices if isinstance(alias, AliasChoices) else (alias,)), field.serialization_alias):
        yield from (
            step for step in (choice.path if isinstance(choice, AliasPath) else (choice,)) if isinstance(step, str)
        )


def _members(model: Any, seen: frozenset[type]) -> Iterator[tuple[str, Any, bool]]:
    """Yield name, annotation, and whether the field has a serializer of its own."""
    if not isinstance(model, type) or model in seen:
        return
    if issubclass(model, BaseModel):
        decorators = model.__pydantic_decorators__.field_serializers.values()
        serialized = {name for decorator in decorators for name in decorator.info.fields}
        for name, field in model.model_fields.items():
            yield name, field.annotation, name in serialized or _has_serializer(field.metadata)
    elif dataclasses.is_dataclass(model):
        for member in dataclasses.fields(model):
            yield member.name, member.type, False


def _parts(annotation: Any, has_serializer: bool) -> Iterator[tuple[Any, bool]]:
    """Yield every type an annotation mentions, and whether a serializer is attached to it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        annotation, *metadata = arguments
        yield from _parts(annotation, has_serializer or _has_serializer(metadata))
        return
    yield origin or annotation, has_serializer
    for argument in arguments:
        yield from _parts(argument, has_serializer)


def _has_serializer(metadata: Iterable[Any]) -> bool:
    return any(isinstance(item, PlainSerializer | WrapSerializer) for item in metadata)
