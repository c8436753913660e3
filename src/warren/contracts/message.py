"""Message classes: what a message is called on the wire, its version, and where it is published.

Not here: how one becomes properties and a body (`envelope.py`), or which of them a consumer reads (`lookup.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final, Protocol, Unpack

from pydantic import BaseModel, ConfigDict

from warren.contracts.defaults import settle_defaults
from warren.contracts.fields import check_fields
from warren.contracts.headers import OWN_PREFIX
from warren.contracts.properties import EMPTY_HEADERS, Headers
from warren.errors import ContractDefinitionError

__all__ = ["Message", "NamedExchange", "Publication", "Upcast"]

MAX_SHORT_STRING: Final = 255
MAX_VERSION: Final = 2**31 - 1


Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes of the body of one version that of the next."""


class NamedExchange(Protocol):
    """What a message class needs to know of its exchange."""

    @property
    def name(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a message class declares: `OrderCreated.__warren__`."""

    class_name: str
    type: str
    version: int
    exchange: str
    routing_key: str

    headers: Headers
    """Published with each message, for headers exchanges."""

    declared_exchange: NamedExchange | str | None
    """The exchange as it was given, for the topology."""

    is_publishable: bool
    """States a routing key or a type of its own. Others are bases, or only consumed."""

    max_size: int | None = None
    """The most bytes a body may have, None where only the application's limit counts."""

    id_header: str = ""
    """The header that repeats the message id, for readers that look for it there."""

    def __str__(self) -> str:
        return f"{self.type} v{self.version}"


class _Declaration(ConfigDict, total=False):
    """The class keywords: ours, and Pydantic's."""

    exchange: NamedExchange | str
    routing_key: str
    type: str
    version: int
    headers: Headers
    max_size: int


class Message(BaseModel):
    """A message contract: a Pydantic model with a type name, a version, and where it is published.

    `type` defaults to the routing key, and `version` to 1. Without `exchange` it goes through the default exchange,
    where the routing key is a queue's name. `max_size` limits the body, in bytes, where it is published and where it is
    read. Subclasses inherit fields, `exchange`, `headers` and `max_size`, never `routing_key`, `type` or `version`: a
    class that states neither routing key nor type serves as a base, or as the contract of messages that are only
    consumed; its type is then its own name. Instances are frozen, defaults are validated, and NaN and infinity are
    refused, because JSON has none.
    """

    model_config = ConfigDict(
        frozen=True,
        allow_inf_nan=False,
        validate_default=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )

    __warren__: ClassVar[Publication]
    __upcasters__: ClassVar[dict[int, Upcast]] = {}

    def __init_subclass__(cls, **keywords: Unpack[_Declaration]) -> None:
        super().__init_subclass__()  # the keywords are read below, once the fields are known

    @classmethod
    def __pydantic_init_subclass__(cls, **keywords: Any) -> None:
        super().__pydantic_init_subclass__()
        is_parametrized = cls.__pydantic_generic_metadata__["origin"] is not None
        if not is_parametrized:  # Changed[int] is published like Changed
            cls.__warren__ = _declare(cls.__name__, cls.__warren__, **keywords)
            cls.__upcasters__ = {}
        if cls.__pydantic_complete__:
            cls._on_complete()

    @classmethod
    def __pydantic_on_complete__(cls) -> None:
        # Comes later than the above where an annotation names a class that is defined further down.
        if "__warren__" in cls.__dict__:
            cls._on_complete()

    @classmethod
    def _on_complete(cls) -> None:
        settle_defaults(cls)
        if cls.__warren__.is_publishable:
            check_fields(cls)


Message.__warren__ = Publication(
    class_name="Message",
    type="Message",
    version=1,
    exchange="",
    routing_key="",
    headers=EMPTY_HEADERS,
    declared_exchange=None,
    is_publishable=False,
)
_KEYWORDS: Final = ("exchange", "routing_key", "type", "version", "headers", "max_size")


def _declare(name: str, base: Publication, **keywords: Any) -> Publication:
    for keyword in keywords:
        if keyword not in _KEYWORDS:
            raise ContractDefinitionError(f"{name} has the unknown keyword {keyword!r}; use {', '.join(_KEYWORDS)}")
    routing_key, message_type = keywords.get("routing_key"), keywords.get("type")
    is_publishable = bool(routing_key or message_type)  # an empty key, as for fanout, names nothing
    version = _checked_version(name, keywords.get("version", 1))
    exchange = keywords.get("exchange", base.declared_exchange)
    headers = {**base.headers, **_checked_headers(name, keywords.get("headers", EMPTY_HEADERS))}
    if routing_key is not None:
        _check_routing_key(name, routing_key)
    if message_type is not None:
        _check_short(name, "type", message_type, may_be_empty=False)
    if "version" in keywords and not is_publishable and base.is_publishable:
        raise ContractDefinitionError(
            f"{name} states a version but inherits no routing key or type from {base.class_name}; "
            f"repeat it, as in class {name}({base.class_name}, routing_key={base.routing_key!r}, version={version})"
        )
    return Publication(
        class_name=name,
        type=message_type or routing_key or name,
        version=version,
        exchange=_exchange_name(name, exchange),
        routing_key=routing_key or "",
        headers=MappingProxyType(headers),
        declared_exchange=exchange,
        is_publishable=is_publishable,
        max_size=_checked_size(name, keywords.get("max_size", base.max_size)),
    )


def _checked_version(name: str, version: object) -> int:
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= MAX_VERSION:
        raise ContractDefinitionError(f"{name} has version={version!r}; use a whole number from 1, as in version=1")
    return version


def _checked_size(name: str, size: object) -> int | None:
    if size is None:
        return None
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise ContractDefinitionError(f"{name} has max_size={size!r}; use a number of bytes, as in max_size=64_000")
    return size


def _exchange_name(name: str, exchange: object) -> str:
    exchange_name = "" if exchange is None else getattr(exchange, "name", exchange)
    if not isinstance(exchange_name, str):
        raise ContractDefinitionError(f"{name} has exchange={exchange!r}; use an Exchange, or its name")
    return _check_short(name, "exchange", exchange_name, may_be_empty=True)


def _check_routing_key(name: str, routing_key: object) -> None:
    words = _check_short(name, "routing_key", routing_key, may_be_empty=True).split(".")
    if "*" in words or "#" in words:
        raise ContractDefinitionError(
            f"{name} has routing_key={routing_key!r}, a pattern; messages are published with a key without "
            f"* and #, and consumers bind the pattern: @app.consumer(..., bind={routing_key!r})"
        )


def _check_short(name: str, keyword: str, value: object, *, may_be_empty: bool) -> str:
    if not isinstance(value, str):
        raise ContractDefinitionError(f'{name} has {keyword}={value!r}; use text, as in {keyword}="orders.created"')
    if not value and not may_be_empty:
        raise ContractDefinitionError(f"{name} has an empty {keyword}; leave it out to use the default")
    if (size := len(value.encode())) > MAX_SHORT_STRING:
        raise ContractDefinitionError(
            f"{name} has a {keyword} of {size} bytes; AMQP allows {MAX_SHORT_STRING}: shorten {value[:20]!r}…"
        )
    return value


def _checked_headers(name: str, headers: object) -> Headers:
    if not isinstance(headers, Mapping):
        raise ContractDefinitionError(
            f'{name} has headers={headers!r}; use a mapping, as in headers={{"region": "eu"}}'
        )
    for key in headers:
        if not isinstance(key, str) or not 0 < len(key.encode()) <= MAX_SHORT_STRING:
            raise ContractDefinitionError(f"{name} has the header {key!r}; use a text of 1 to {MAX_SHORT_STRING} bytes")
        if key.startswith(OWN_PREFIX):
            raise ContractDefinitionError(f"{name} has the header {key!r}; names with {OWN_PREFIX} are Warren's own")
    return headers
