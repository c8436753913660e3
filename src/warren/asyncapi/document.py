"""An application to its AsyncAPI 3.0 document: the same for the same code, so that it can be compared and committed.

Not here: the page that shows it (`page.py`), or the command (`cli/asyncapi.py`).
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from warren.asyncapi.application import Described
from warren.asyncapi.channels import channels_and_operations
from warren.asyncapi.messages import CONTENT_TYPE, message_key, message_object
from warren.asyncapi.names import add
from warren.asyncapi.schemas import message_schemas
from warren.config import BrokerSettings
from warren.contracts.message import Message
from warren.errors import ConfigurationError

__all__ = ["ASYNCAPI", "document_of"]

ASYNCAPI: Final = "3.0.0"

_AMQP: Final = "0-9-1"


def document_of(described: Described) -> dict[str, Any]:
    """Build the document. Raises `ConfigurationError` where a message class has no JSON Schema."""
    payloads, schemas = _schemas(described)
    messages: dict[str, Any] = {}
    keys: dict[type[Message], str] = {}
    for message in described.messages:
        told = message_object(message, payloads[message], schemas)
        keys[message] = add(messages, message_key(message), told)
    channels, operations = channels_and_operations(described, keys)
    return {
        "asyncapi": ASYNCAPI,
        "info": _info(described),
        "defaultContentType": CONTENT_TYPE,
        **({} if described.broker is None else {"servers": _servers(described.broker)}),
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": dict(sorted(messages.items())),
            "schemas": schemas,
            **({} if described.broker is None else {"securitySchemes": {"login": {"type": "userPassword"}}}),
        },
    }


def _schemas(described: Described) -> tuple[dict[type[Message], Any], dict[str, Any]]:
    from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

    try:
        return message_schemas(described.messages, received=described.received)
    except (PydanticInvalidForJsonSchema, PydanticUserError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"a message class has a field that JSON Schema cannot describe: {reason}; give it a type it can, or "
            f"pydantic.WithJsonSchema"
        ) from error


def _info(described: Described) -> dict[str, Any]:
    told = {"title": described.name, "version": described.version}
    return {**told, "description": described.description} if described.description else told


def _servers(broker: BrokerSettings) -> dict[str, Any]:
    """Name each host of the cluster, without the login."""
    return {
        "broker" if number == 1 else f"broker-{number}": {
            "host": str(host),
            "pathname": f"/{quote(broker.virtual_host, safe='')}",
            "protocol": "amqps" if broker.tls else "amqp",
            "protocolVersion": _AMQP,
            "security": [{"$ref": "#/components/securitySchemes/login"}],
        }
        for number, host in enumerate(broker.hosts, 1)
    }
