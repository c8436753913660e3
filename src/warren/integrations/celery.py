"""Contracts for Celery's tasks: messages that a Celery worker reads, and that Celery's clients write.

Not here: their headers (`contracts/celery.py`). Celery itself is not needed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, cast

from pydantic import (
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from warren.contracts.celery import LANG, TASK, TASK_ID
from warren.contracts.message import Message
from warren.errors import ContractDefinitionError

__all__ = ["CeleryTask"]

NOTHING_AFTERWARDS: Final = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


class CeleryTask(Message):
    """The contract of a Celery task: `class SendInvoice(CeleryTask, type="shop.send_invoice", routing_key="celery")`.

    `type` is the task's name, and the fields are its parameters, in their order: positional arguments and keyword
    arguments are read alike. Published, it is a task that Celery's workers run, with keyword arguments. The task's id
    is the message's id. A task that is to wait, or has callbacks, a chain or a chord, is refused: nobody but a Celery
    worker would see to those. Results are not written.
    """

    @classmethod
    def __pydantic_init_subclass__(cls, **keywords: Any) -> None:
        super().__pydantic_init_subclass__(**keywords)
        declared = cls.__warren__
        if not keywords.get("type"):
            raise ContractDefinitionError(
                f'{cls.__name__} names no task; state the name Celery knows it by: type="shop.send_invoice"'
            )
        headers = MappingProxyType({**declared.headers, TASK: declared.type, LANG: "py"})
        cls.__warren__ = replace(declared, headers=headers, id_header=TASK_ID)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        fields = handler(source)
        # As text once more, so that the fields are read as strictly, and from the same forms, as those of any message.
        as_text = core_schema.no_info_plain_validator_function(lambda body: json.dumps(_arguments(cls, body)))
        from_body = core_schema.chain_schema([as_text, core_schema.json_schema(fields)])
        return core_schema.json_or_python_schema(from_body, fields)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        model = schema["python_schema"] if schema["type"] == "json-or-python" else schema
        # Without the serializer below, of which Pydantic only knows that it returns something.
        fields = handler(cast("CoreSchema", {key: value for key, value in model.items() if key != "serialization"}))
        afterwards = {"type": "object"}
        body = {"type": "array", "prefixItems": [{"type": "array"}, fields, afterwards], "minItems": 3, "maxItems": 3}
        return {"title": cls.__name__, "description": "A Celery task: arguments, keyword arguments, the rest", **body}

    @model_serializer(mode="wrap")
    def _written(self, fields: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        return [[], fields(self), NOTHING_AFTERWARDS] if info.mode == "json" else fields(self)


def _arguments(task: type[CeleryTask], body: object) -> dict[str, Any]:
    """Name the arguments of a task's call; raises `ValueError` for what is no call, or more than one."""
    match body:
        case [list() as positional, dict() as named, dict() as afterwards]:
            pass
        case {"task": _, "args": _, "kwargs": _}:
            raise ValueError("expected Celery's task protocol 2; this is protocol 1")
        case dict():
            return body  # by name, as `warren publish` is given them
        case _:
            raise ValueError("expected Celery's [arguments, keyword arguments, the rest]")
    if further := [each for each in NOTHING_AFTERWARDS if afterwards.get(each)]:
        raise ValueError(f"the task has {', '.join(further)} for afterwards, which only a Celery worker runs")
    names = [_parameter(name, field) for name, field in task.model_fields.items()]
    if len(positional) > len(names):
        raise ValueError(f"the task has {len(positional)} positional arguments; its contract has {len(names)} fields")
    arguments = dict(zip(names, positional, strict=False))
    if twice := arguments.keys() & named.keys():
        raise ValueError(f"the task has {', '.join(sorted(twice))} twice, by position and by name")
    return {name: _plain(value) for name, value in {**arguments, **named}.items()}


def _parameter(name: str, field: FieldInfo) -> str:
    return field.validation_alias if isinstance(field.validation_alias, str) else name


def _plain(value: Any) -> Any:
    """Unwrap what Celery marks with its Python type; the contract says the type."""
    match value:
        case {"__type__": str() as kind, "__value__": marked} if len(value) == 2:
            return _unmarked(kind, marked)
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case _:
            return value


def _unmarked(kind: str, marked: Any) -> Any:
    match kind, marked:
        case "bytes", str():
            return base64.b64encode(marked.encode()).decode()  # as messages carry bytes
        case "uuid", {"hex": digits}:
            return digits
        case _:
            return marked
