"""The messages of an AsyncAPI document: payload, headers, examples, and how they are known on the wire.

Not here: where they are sent to and received from (`channels.py`).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

from warren.asyncapi.examples import examples_of
from warren.asyncapi.names import key_of
from warren.asyncapi.schemas import Schema
from warren.contracts.headers import OWN_PREFIX, SENT_AT, VERSION
from warren.contracts.message import Message

__all__ = ["CONTENT_TYPE", "message_key", "message_object"]

CONTENT_TYPE: Final = "application/json"
BINDING_VERSION: Final = "0.3.0"

_EXAMPLE_SENT_AT: Final = 1_795_428_900_000


def message_key(message: type[Message]) -> str:
    """Name a message in the document: its type and version."""
    return key_of(message.__warren__.type, f"v{message.__warren__.version}")


def message_object(message: type[Message], payload: Schema, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """Build the Message Object of a class."""
    declared = message.__warren__
    headers = _headers(message)
    told: dict[str, Any] = {
        "name": declared.type,
        "title": declared.class_name,
        "contentType": CONTENT_TYPE,
        "headers": headers,
        "payload": payload,
        "bindings": {"amqp": {"messageType": declared.type, "bindingVersion": BINDING_VERSION}},
    }
    description = inspect.cleandoc(message.__doc__ or "")
    if description:
        told["summary"] = description.splitlines()[0]
        told["description"] = description
    examples = examples_of(message, payload, schemas)
    if examples:
        shown = {name: _shown(each) for name, each in headers["properties"].items()}
        told["examples"] = [{"headers": shown, "payload": each} for each in examples]
    return told


def _headers(message: type[Message]) -> Schema:
    """Describe the headers. Plain producers may leave Warren's own out; the class's own decide the way it takes."""
    declared = message.__warren__
    own: dict[str, Schema] = {
        name: {"const": value}
        for name, value in sorted(declared.headers.items())
        if isinstance(value, str | int | float | bool) and not name.startswith(OWN_PREFIX)
    }
    return {
        "type": "object",
        "properties": {
            **own,
            VERSION: {"type": "integer", "const": declared.version, "description": "version of the contract"},
            SENT_AT: {"type": "integer", "description": "when it was published first, in ms since the epoch"},
        },
    }


def _shown(header: Schema) -> Any:
    return header.get("const", _EXAMPLE_SENT_AT)
