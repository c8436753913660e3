"""Message to properties and body, and back. Bodies are data: JSON, size-limited before it is parsed, nothing else.

Not here: bytes on the wire (`transport/wire.py`), or which contract applies (`lookup.py`).
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from warren.contracts.headers import OWN_PREFIX, SENT_AT, VERSION, OwnHeaders
from warren.contracts.ids import new_message_id
from warren.contracts.lookup import Contracts
from warren.contracts.message import Message, Publication
from warren.contracts.properties import EMPTY_HEADERS, PERSISTENT, TRANSIENT, FieldValue, Headers, Properties
from warren.contracts.rejection import joined, one_line, rejection
from warren.contracts.upcasting import upcast
from warren.errors import (
    ConfigurationError,
    ContractDefinitionError,
    ContractError,
    InvalidPayload,
    MessageTooLarge,
    Undecodable,
    WarrenError,
)

__all__ = ["Outgoing", "decode", "encode"]

CONTENT_TYPE: Final = "application/json"
PLAIN_ENCODINGS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "identity"})
MAX_TTL: Final = 4_294_967
"""Seconds; RabbitMQ takes milliseconds below 2 to the power of 32."""


class Outgoing(NamedTuple):
    """One message ready to be published, always mandatory. A tuple, because one is made for every message."""

    exchange: str
    routing_key: str
    properties: Properties
    body: bytes
    message_id: str
    message_type: str


# -- message → properties and body --------------------------------------------------------


def encode(
    message: Message,
    *,
    now: float,
    app_id: str | None = None,
    message_id: str | None = None,
    correlation_id: str | None = None,
    reply_to: str | None = None,
    headers: Headers = EMPTY_HEADERS,
    priority: int | None = None,
    ttl: float | None = None,
    persistent: bool = True,
    routing_key: str | None = None,
) -> Outgoing:
    """Build what is published: compact UTF-8 JSON, and the properties that name it.

    `now` is in seconds since the epoch, `ttl` in seconds, `routing_key` replaces the declared one. Raises
    `InvalidPayload` where the instance does not fit its own class (changed after it was validated), `MessageTooLarge`
    where it is larger than its class allows, and `ContractDefinitionError` where that names no place to publish to.
    """
    declared = message.__warren__
    key = declared.routing_key if routing_key is None else routing_key
    if not declared.is_publishable or not (key or declared.exchange):
        raise _unpublishable(declared)
    message_id = message_id or new_message_id(now)
    own: dict[str, FieldValue] = {VERSION: declared.version, SENT_AT: int(now * 1000)}
    if headers or declared.headers:
        _check_headers(headers)
        own = {**declared.headers, **headers, **own}
        if declared.id_header:
            own[declared.id_header] = message_id
    properties = Properties(  # by position: this runs once a message
        CONTENT_TYPE,
        None,
        own,
        PERSISTENT if persistent else TRANSIENT,
        priority,
        correlation_id,
        reply_to,
        None if ttl is None else _expiration(ttl),
        message_id,
        int(now),
        declared.type,
        None,
        app_id,
    )
    body = _body_of(message)
    if declared.max_size is not None and len(body) > declared.max_size:
        raise MessageTooLarge(
            f"message {message_id} has a body of {len(body):,} bytes; the limit of {declared} is {declared.max_size:,}"
        )
    return Outgoing(declared.exchange, key, properties, body, message_id, declared.type)


def _body_of(message: Message) -> bytes:
    try:
        return message.__pydantic_serializer__.to_json(message, by_alias=True, warnings="error")
    except PydanticSerializationError as error:
        return _body_despite(message, error)


def _body_despite(message: Message, error: PydanticSerializationError) -> bytes:
    # Pydantic also warns of unions it cannot tell apart. What its own contract reads back is fit to be sent.
    declared = message.__warren__
    try:
        body: bytes = message.__pydantic_serializer__.to_json(message, by_alias=True, warnings=False)
        message.__pydantic_validator__.validate_json(body, strict=True)
    except ValidationError as failure:
        raise InvalidPayload(
            f"not published, it was changed after its validation: {rejection(type(message), body, failure)}"
        ) from None
    except PydanticSerializationError:
        raise InvalidPayload(f"not published, {declared} cannot be written as JSON: {error}") from error
    return body


def _check_headers(headers: Headers) -> None:
    for name in () if isinstance(headers, OwnHeaders) else headers:
        if name.startswith(OWN_PREFIX):
            raise ConfigurationError(f"header {name!r} cannot be set; names with {OWN_PREFIX} are Warren's own")


def _expiration(ttl: float) -> str:
    if not 0 <= ttl <= MAX_TTL:
        raise ConfigurationError(f"ttl={ttl!r} cannot be used; give seconds from 0 to {MAX_TTL:,}")
    return str(round(ttl * 1000))


def _unpublishable(declared: Publication) -> ContractDefinitionError:
    missing = "no exchange and no routing key" if declared.is_publishable else "no routing key and no type"
    return ContractDefinitionError(
        f"{declared.class_name} cannot be published: it states {missing}; "
        f'write class {declared.class_name}(Message, exchange=…, routing_key="…")'
    )


# -- properties and body → message --------------------------------------------------------


def decode(contracts: Contracts, properties: Properties, body: bytes, routing_key: str = "") -> Message:
    """Read a message strictly under one of the consumer's contracts.

    Without a type, as plain producers send it, the consumer's only contract applies; of several the one whose type or
    routing key is the delivery's `routing_key`, else the only one that fits. Raises a `ContractError`.
    """
    is_large = len(body) > contracts.smallest_limit
    if is_large and len(body) > contracts.max_body:
        raise Undecodable(f"the body has {len(body):,} bytes; the limit is {contracts.max_body:,}")
    if properties.content_type != CONTENT_TYPE or properties.content_encoding:
        _check_content(properties)
    if b"NaN" in body or b"Infinity" in body:
        _check_constants(body)
    version = properties.headers.get(VERSION)
    contract = contracts.by_name.get((properties.type, version)) if type(version) is int else None  # type: ignore[arg-type]
    if contract is None or is_large:
        candidates = contracts.candidates(properties, routing_key)
        if is_large:
            candidates = _allowing(candidates, len(body))
        return _read_any(candidates, body, version)
    return _read(contract, body)


def _read(contract: type[Message], body: bytes) -> Message:
    try:
        message: Message = contract.__pydantic_validator__.validate_json(body, strict=True)
    except ValidationError as error:
        # Not chained: Pydantic's own text shows whole inputs, which may be secret.
        raise rejection(contract, body, error) from None
    except (WarrenError, MemoryError):
        raise
    except Exception as error:
        # A validator of the application's own that failed on this body.
        reason = f"{contract.__warren__}: its validation raised {type(error).__name__}: {error}"
        raise InvalidPayload(one_line(reason)) from error
    return message


def _allowing(candidates: tuple[type[Message], ...], size: int) -> tuple[type[Message], ...]:
    """Return the classes that allow a body of this size, at least one. Raises `Undecodable`."""
    limits = [(contract, contract.__warren__.max_size) for contract in candidates]
    found = tuple(contract for contract, limit in limits if limit is None or size <= limit)
    if not found:
        contract, limit = limits[0]
        raise Undecodable(f"the body has {size:,} bytes; the limit of {contract.__warren__} is {limit:,}")
    return found


def _read_any(candidates: tuple[type[Message], ...], body: bytes, version: object) -> Message:
    """Read with the only class that fits; from an older version where the message names one."""
    if len(candidates) == 1:
        return _read_version(candidates[0], body, version)
    read: list[Message] = []
    errors: list[ContractError] = []
    for contract in candidates:
        try:
            read.append(_read_version(contract, body, version))
        except InvalidPayload as error:
            errors.append(error)
    match read:
        case [message]:
            return message
        case []:
            raise InvalidPayload(f"fits no contract of this consumer: {joined(errors)}")
        case _:
            names = ", ".join(str(message.__warren__) for message in read)
            raise InvalidPayload(f"fits several contracts: {names}; its producer must set type and {VERSION}")


def _read_version(contract: type[Message], body: bytes, version: object) -> Message:
    if isinstance(version, int) and version != contract.__warren__.version:
        body = upcast(contract, version, body)
    return _read(contract, body)


def _check_content(properties: Properties) -> None:
    content_type, _, parameters = (properties.content_type or CONTENT_TYPE).lower().partition(";")
    content_type = content_type.strip()
    if content_type != CONTENT_TYPE and not content_type.endswith("+json"):
        raise Undecodable(f"content type {properties.content_type!r:.80} is not read; expected {CONTENT_TYPE}")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(" \"'")
    if charset and charset not in PLAIN_ENCODINGS:
        raise Undecodable(f"charset {charset!r:.40} is not read; expected UTF-8")
    if properties.content_encoding and properties.content_encoding.lower() not in PLAIN_ENCODINGS:
        raise Undecodable(f"content encoding {properties.content_encoding!r:.40} is not read; expected none")


def _check_constants(body: bytes) -> None:
    # Python's and Rust's parsers read NaN and Infinity; JSON has neither (RFC 8259, section 6).
    def refuse(constant: str) -> None:
        raise Undecodable(f"the body is not JSON: it contains {constant}")

    try:
        json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError):
        return  # the strict parser says where
