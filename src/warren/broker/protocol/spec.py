"""The literal table of AMQP 0-9-1 with RabbitMQ's extensions: every method, its arguments, and the content properties.

Not here: code for them; `methods.py` is generated from this table, by `python -m warren.broker.protocol.generate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = ["METHODS", "PROPERTIES", "Argument", "Domain", "Layout"]


class Domain(Enum):
    """How an argument looks on the wire."""

    BIT = "bit"  # consecutive bits share octets, the first in the lowest bit
    OCTET = "octet"
    SHORT = "short"
    LONG = "long"
    LONGLONG = "longlong"
    TIMESTAMP = "timestamp"
    SHORTSTR = "shortstr"
    LONGSTR = "longstr"  # octets
    TEXT = "text"  # a longstr that is text
    TABLE = "table"
    ADDRESS = "address"  # the exchange and routing key of a publish: two shortstr, of any bytes
    UNUSED_SHORT = "unused_short"  # what the specification reserves is read over, and sent as nothing
    UNUSED_SHORTSTR = "unused_shortstr"
    UNUSED_LONGSTR = "unused_longstr"
    UNUSED_BIT = "unused_bit"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a method, or one property of a content."""

    name: str
    domain: Domain


@dataclass(frozen=True, slots=True)
class Layout:
    """One method as on the wire."""

    class_id: int
    method_id: int
    name: str
    arguments: tuple[Argument, ...]


def _arguments(text: str) -> tuple[Argument, ...]:
    pairs = (argument.split(":") for argument in text.split())
    return tuple(Argument(name, Domain(domain)) for name, domain in pairs)


def _layout(class_id: int, method_id: int, name: str, arguments: str = "") -> Layout:
    return Layout(class_id, method_id, name, _arguments(arguments))


_TICKET = "ticket:unused_short "
_CLOSE = "reply_code:short reply_text:shortstr class_id:short method_id:short"

METHODS: Final = (
    _layout(
        *(10, 10, "connection.start"),
        "version_major:octet version_minor:octet server_properties:table mechanisms:text locales:text",
    ),
    _layout(
        *(10, 11, "connection.start-ok"), "client_properties:table mechanism:shortstr response:longstr locale:shortstr"
    ),
    _layout(10, 20, "connection.secure", "challenge:longstr"),
    _layout(10, 21, "connection.secure-ok", "response:longstr"),
    _layout(10, 30, "connection.tune", "channel_max:short frame_max:long heartbeat:short"),
    _layout(10, 31, "connection.tune-ok", "channel_max:short frame_max:long heartbeat:short"),
    _layout(10, 40, "connection.open", "virtual_host:shortstr capabilities:unused_shortstr insist:unused_bit"),
    _layout(10, 41, "connection.open-ok", "known_hosts:unused_shortstr"),
    _layout(10, 50, "connection.close", _CLOSE),
    _layout(10, 51, "connection.close-ok"),
    _layout(10, 60, "connection.blocked", "reason:shortstr"),
    _layout(10, 61, "connection.unblocked"),
    _layout(10, 70, "connection.update-secret", "new_secret:longstr reason:shortstr"),
    _layout(10, 71, "connection.update-secret-ok"),
    _layout(20, 10, "channel.open", "out_of_band:unused_shortstr"),
    _layout(20, 11, "channel.open-ok", "channel_id:unused_longstr"),
    _layout(20, 20, "channel.flow", "active:bit"),
    _layout(20, 21, "channel.flow-ok", "active:bit"),
    _layout(20, 40, "channel.close", _CLOSE),
    _layout(20, 41, "channel.close-ok"),
    _layout(30, 10, "access.request", "realm:shortstr exclusive:bit passive:bit active:bit write:bit read:bit"),
    _layout(30, 11, "access.request-ok", "ticket:short"),
    _layout(
        *(40, 10, "exchange.declare"),
        _TICKET + "exchange:shortstr type:shortstr passive:bit durable:bit auto_delete:bit internal:bit nowait:bit"
        " arguments:table",
    ),
    _layout(40, 11, "exchange.declare-ok"),
    _layout(40, 20, "exchange.delete", _TICKET + "exchange:shortstr if_unused:bit nowait:bit"),
    _layout(40, 21, "exchange.delete-ok"),
    _layout(
        *(40, 30, "exchange.bind"),
        _TICKET + "destination:shortstr source:shortstr routing_key:shortstr nowait:bit arguments:table",
    ),
    _layout(40, 31, "exchange.bind-ok"),
    _layout(
        *(40, 40, "exchange.unbind"),
        _TICKET + "destination:shortstr source:shortstr routing_key:shortstr nowait:bit arguments:table",
    ),
    _layout(40, 51, "exchange.unbind-ok"),  # 51, not 41: as every implementation has it
    _layout(
        *(50, 10, "queue.declare"),
        _TICKET + "queue:shortstr passive:bit durable:bit exclusive:bit auto_delete:bit nowait:bit arguments:table",
    ),
    _layout(50, 11, "queue.declare-ok", "queue:shortstr message_count:long consumer_count:long"),
    _layout(
        *(50, 20, "queue.bind"),
        _TICKET + "queue:shortstr exchange:shortstr routing_key:shortstr nowait:bit arguments:table",
    ),
    _layout(50, 21, "queue.bind-ok"),
    _layout(50, 30, "queue.purge", _TICKET + "queue:shortstr nowait:bit"),
    _layout(50, 31, "queue.purge-ok", "message_count:long"),
    _layout(50, 40, "queue.delete", _TICKET + "queue:shortstr if_unused:bit if_empty:bit nowait:bit"),
    _layout(50, 41, "queue.delete-ok", "message_count:long"),
    _layout(50, 50, "queue.unbind", _TICKET + "queue:shortstr exchange:shortstr routing_key:shortstr arguments:table"),
    _layout(50, 51, "queue.unbind-ok"),
    _layout(60, 10, "basic.qos", "prefetch_size:long prefetch_count:short global_:bit"),
    _layout(60, 11, "basic.qos-ok"),
    _layout(
        *(60, 20, "basic.consume"),
        _TICKET + "queue:shortstr consumer_tag:shortstr no_local:bit no_ack:bit exclusive:bit nowait:bit"
        " arguments:table",
    ),
    _layout(60, 21, "basic.consume-ok", "consumer_tag:shortstr"),
    _layout(60, 30, "basic.cancel", "consumer_tag:shortstr nowait:bit"),
    _layout(60, 31, "basic.cancel-ok", "consumer_tag:shortstr"),
    _layout(60, 40, "basic.publish", _TICKET + "address:address mandatory:bit immediate:bit"),
    _layout(60, 50, "basic.return", "reply_code:short reply_text:shortstr exchange:shortstr routing_key:shortstr"),
    _layout(
        *(60, 60, "basic.deliver"),
        "consumer_tag:shortstr delivery_tag:longlong redelivered:bit exchange:shortstr routing_key:shortstr",
    ),
    _layout(60, 70, "basic.get", _TICKET + "queue:shortstr no_ack:bit"),
    _layout(
        *(60, 71, "basic.get-ok"),
        "delivery_tag:longlong redelivered:bit exchange:shortstr routing_key:shortstr message_count:long",
    ),
    _layout(60, 72, "basic.get-empty", "cluster_id:unused_shortstr"),
    _layout(60, 80, "basic.ack", "delivery_tag:longlong multiple:bit"),
    _layout(60, 90, "basic.reject", "delivery_tag:longlong requeue:bit"),
    _layout(60, 100, "basic.recover-async", "requeue:bit"),
    _layout(60, 110, "basic.recover", "requeue:bit"),
    _layout(60, 111, "basic.recover-ok"),
    _layout(60, 120, "basic.nack", "delivery_tag:longlong multiple:bit requeue:bit"),
    _layout(85, 10, "confirm.select", "nowait:bit"),
    _layout(85, 11, "confirm.select-ok"),
    _layout(90, 10, "tx.select"),
    _layout(90, 11, "tx.select-ok"),
    _layout(90, 20, "tx.commit"),
    _layout(90, 21, "tx.commit-ok"),
    _layout(90, 30, "tx.rollback"),
    _layout(90, 31, "tx.rollback-ok"),
)

# The order is that of the property flags, from the highest bit (15) down.
PROPERTIES: Final = _arguments(
    "content_type:shortstr content_encoding:shortstr headers:table delivery_mode:octet priority:octet"
    " correlation_id:shortstr reply_to:shortstr expiration:shortstr message_id:shortstr timestamp:timestamp"
    " type:shortstr user_id:shortstr app_id:shortstr cluster_id:shortstr"
)
