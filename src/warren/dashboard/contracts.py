"""The contracts of an application as the pages tell them: a pure function of what it declares.

Not here: who publishes and consumes at the moment (`publishers.py`), and the pages (`pages/types.py`).
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from warren.app import Warren
from warren.asyncapi.examples import examples_of
from warren.asyncapi.fields import Row, rows_of
from warren.asyncapi.schemas import SCHEMAS, Schema, message_schemas
from warren.contracts.message import Message
from warren.topology import Exchange
from warren.worker.spec import ConsumerSpec

__all__ = ["Contract", "MessageType", "types_of"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One version of a message type. `schema` and `example` are JSON; `example` is empty where none can be made.

    `read_from` are the older versions that its upcasters read. `exchange` is empty for the default exchange.
    """

    class_name: str
    version: int
    summary: str
    description: str
    is_publishable: bool
    exchange: str
    exchange_type: str
    routing_key: str
    headers: tuple[tuple[str, str], ...]
    max_size: int | None
    read_from: tuple[int, ...]
    fields: tuple[Row, ...]
    schema: str
    example: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A consumer of a type, and the versions that it reads, newest first."""

    name: str
    queue: str
    versions: tuple[int, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MessageType:
    """Everything an application says of one type. `contracts` are newest first, never empty."""

    name: str
    contracts: tuple[Contract, ...]
    readers: tuple[Reader, ...]
    is_published: bool

    @property
    def newest(self) -> Contract:
        return self.contracts[0]

    @property
    def exchanges(self) -> tuple[str, ...]:
        """The exchanges that it is published to."""
        return tuple(dict.fromkeys(one.exchange for one in self.contracts if one.is_publishable))


def types_of(app: Warren) -> tuple[MessageType, ...]:
    """Return every type of message that an application consumes or says it publishes, by name."""
    by_name: dict[str, list[type[Message]]] = {}
    for message in app.messages:
        by_name.setdefault(message.__warren__.type, []).append(message)
    return tuple(_type(name, by_name[name], app) for name in sorted(by_name))


def _type(name: str, messages: list[type[Message]], app: Warren) -> MessageType:
    newest_first = sorted(messages, key=lambda message: message.__warren__.version, reverse=True)
    received = {message for spec in app.consumers for message in spec.contracts.classes}
    return MessageType(
        name=name,
        contracts=tuple(_contract(message, is_received=message in received) for message in newest_first),
        readers=tuple(_readers(messages, app.consumers)),
        is_published=any(message in app.published_messages for message in messages),
    )


def _readers(messages: Iterable[type[Message]], consumers: Iterable[ConsumerSpec]) -> Iterator[Reader]:
    for spec in consumers:
        read = [message for message in messages if message in spec.contracts.classes]
        versions = {version for message in read for version in (message.__warren__.version, *message.__upcasters__)}
        if read:
            yield Reader(name=spec.name, queue=spec.queue.name, versions=tuple(sorted(versions, reverse=True)))


def _contract(message: type[Message], *, is_received: bool) -> Contract:
    declared = message.__warren__
    exchange = declared.declared_exchange
    payloads, components = message_schemas([message], received=[message] if is_received else [])
    payload = payloads[message]
    description = inspect.cleandoc(message.__doc__ or "")
    return Contract(
        class_name=declared.class_name,
        version=declared.version,
        summary=description.partition("\n")[0],
        description=description,
        is_publishable=declared.is_publishable,
        exchange=declared.exchange,
        exchange_type=str(exchange.type) if isinstance(exchange, Exchange) else "",
        routing_key=declared.routing_key,
        headers=tuple((name, str(value)) for name, value in sorted(declared.headers.items())),
        max_size=declared.max_size,
        read_from=tuple(sorted(message.__upcasters__, reverse=True)),
        fields=tuple(rows_of(payload, components)),
        schema=_json(_whole(payload, components)),
        example=next((_json(one) for one in examples_of(message, payload, components)), ""),
    )


def _whole(payload: Schema, components: Mapping[str, Schema]) -> Schema:
    """Return a schema that refers to nothing outside itself, with the message's own fields at its top."""
    own = str(payload.get("$ref", "")).removeprefix(SCHEMAS)
    top = components.get(own, payload)
    others = {name: schema for name, schema in components.items() if name != own}
    if f'"{SCHEMAS}{own}"' in json.dumps([top, others]):  # a message that holds messages of its kind
        top, others = payload, dict(components)
    whole: Schema = {"$schema": "http://json-schema.org/draft-07/schema#", **top}
    if others:
        outer, inner = SCHEMAS.strip("#/").split("/")
        whole[outer] = {inner: others}
    return whole


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
