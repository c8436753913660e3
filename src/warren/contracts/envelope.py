"""Message to properties and body, and back. Bodies are data: JSON, size-limited before it is parsed, nothing else.

Not here: bytes on the wire (`transport/wire.py`), or which contract applies (`lookup.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from warren.contracts.headers import OWN_PREFIX, SENT_AT, VERSION
from warren.contracts.ids import new_message_id
from warren.contracts.lookup import Contracts
from warren.contracts.message import Message
from warren.contracts.properties import EMPTY_HEADERS, PERSISTENT, TRANSIENT, Headers, Properties
from warren.contracts.rejection import joined, rejection
from warren.errors import ConfigurationError, ContractDefinitionError, ContractError, InvalidPayload, Undecodable

__all__ = ["Outgoing", "decode", "encode"]

CONTENT_TYPE: Final = "application/json"
PLAIN_ENCODINGS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "identity"})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message ready to be published, always mandatory."""

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
    `InvalidPayload` where the instance does not fit its own class (changed after validation), and
    `ContractDefinitionError` where the class says no place to publish to.
    """
    declared = message.__warren__
    if not declared.is_publishable:
        raise _unpublishable(message)
    if message_id is None:
        message_id = new_message_id(now)
    own = {**declared.headers, SENT_AT: int(now * 1000)}
    properties = Properties(
        content_type=CONTENT_TYPE,
        headers=_merged(headers, own) if headers else own,
        delivery_mode=PERSISTENT if persistent else TRANSIENT,
        priority=priority,
        correlation_id=correlation_id,
        reply_to=reply_to,
        expiration=None if ttl is None else str(max(0, round(ttl * 1000))),
        message_id=message_id,
        timestamp=int(now),
        type=declared.type,
        app_id=app_id,
    )
    key = declared.routing_key if routing_key is None else routing_key
    return Outgoing(declared.exchange, key, properties, _body_of(message), message_id, declared.type)


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
            f"not published, changed after it was validated: {rejection(type(message), body, failure)}"
        ) from None
    except PydanticSerializationError:
        raise InvalidPayload(f"not published, {declared} cannot be written as JSON: {error}") from error
    return body


def _merged(headers: Headers, own: Headers) -> Headers:
    for name in headers:
        if name.startswith(OWN_PREFIX):
            raise ConfigurationError(f"header {name!r} cannot be set; names with {OWN_PREFIX} are Warren's own")
    return {**headers, **own}


def _unpublishable(message: Message) -> ContractDefinitionError:
    name = type(message).__name__
    return ContractDefinitionError(
        f"{name} cannot be published: it states no routing key and no type; "
        f'write class {name}(Message, exchange=…, routing_key="…")'
    )


# -- properties and body → message --------------------------------------------------------


def decode(contracts: Contracts, properties: Properties, body: bytes, routing_key: str = "") -> Message:
    """Read a message strictly under one of the consumer's contracts.

    Without a type, as plain producers send it, the consumer's only contract applies; of several the one whose type or
    routing key is the delivery's `routing_key`, else the only one that fits. Raises a `ContractError`.
    """
    if len(body) > contracts.max_body:
        raise Undecodable(f"the body has {len(body):,} bytes; the limit is {contracts.max_body:,}")
    if properties.content_type != CONTENT_TYPE or properties.content_encoding:
        _check_content(properties)
    if b"NaN" in body or b"Infinity" in body:
        _check_constants(body)
    version = properties.headers.get(VERSION)
    contract = contracts.by_name.get((properties.type, version)) if type(version) is int else None  # type: ignore[arg-type]
    if contract is not None:
        return _read(contract, body)
    return _read_first(contracts.candidates(properties, routing_key), body)


def _read(contract: type[Message], body: bytes) -> Message:
    try:
        message: Message = contract.__pydantic_validator__.validate_json(body, strict=True)
    except ValidationError as error:
        # Not chained: Pydantic's own text shows whole inputs, which may be secret.
        raise rejection(contract, body, error) from None
    return message


def _read_first(candidates: tuple[type[Message], ...], body: bytes) -> Message:
    if len(candidates) == 1:
        return _read(candidates[0], body)
    read: list[Message] = []
    errors: list[ContractError] = []
    for contract in candidates:
        try:
            read.append(_read(contract, body))
        except InvalidPayload as error:
            errors.append(error)
    match read:
        case [message]:
            return message
        case []:
            raise InvalidPayload(f"the message has no type and fits no contract: {joined(errors)}")
        case _:
            names = ", ".join(str(message.__warren__) for message in read)
            raise InvalidPayload(
                f"the message has no type and fits several contracts: {names}; let its producer set the type"
            )


def _check_content(properties: Properties) -> None:
    content_type, _, parameters = (properties.content_type or CONTENT_TYPE).lower().partition(";")
    content_type = content_type.strip()
    if content_type != CONTENT_TYPE and not content_type.endswith("+json"):
        raise Undecodable(f"content type {properties.content_type!r:.80} is not read; expected {CONTENT_TYPE}")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(" \"'") or "utf-8"
    encoding = (properties.content_encoding or "identity").lower()
    if charset not in PLAIN_ENCODINGS or encoding not in PLAIN_ENCODINGS:
        raise Undecodable(
            f"content encoding {encoding!r:.40}, charset {charset!r:.40} is not read; expected plain UTF-8"
        )


def _check_constants(body: bytes) -> None:
    # Python's and Rust's parsers read NaN and Infinity; JSON has neither (RFC 8259, section 6).
    def refuse(constant: str) -> None:
        raise Undecodable(f"the body is not JSON: it contains {constant}")

    try:
        json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError):
        return  # the strict parser says where
